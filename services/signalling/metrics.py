"""What signalling counts."""

from prometheus_client import Counter, Gauge, Histogram

CONNECTIONS = Gauge("signalling_connections", "Sockets that are open.")
ROOMS = Gauge("signalling_rooms", "Rooms that someone is in.")
HELLOS = Counter(
    "signalling_hellos_total",
    "What became of hellos: joined, resumed, or the code of the error.",
    ["outcome"],
)
FAREWELLS = Counter(
    "signalling_farewells_total",
    "Sockets that we closed, by the code of the error; done without one.",
    ["code"],
)
RELAYED = Counter(
    "signalling_relayed_total",
    "Signals between members: description, candidate, ask.",
    ["kind"],
)
CALLS = Counter(
    "signalling_calls_ended_total", "Calls that ended, by whose doing.", ["ended_by"]
)
CALL_SECONDS = Histogram(
    "signalling_call_seconds",
    "Length of calls.",
    buckets=(30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 7200),
)
UNWRITTEN = Gauge(
    "signalling_unwritten_deeds",
    "Starts and ends of calls that the database has not yet got.",
)
UNWRITTEN_PRESENCES = Gauge(
    "signalling_unwritten_presences",
    "Members of this instance whose latest state the database has not yet got.",
)
SPREAD_ROOMS = Gauge(
    "signalling_rooms_spread",
    "Rooms of this instance that have members on another instance as well.",
)
UNPASSED = Gauge(
    "signalling_signals_unpassed",
    "Signals for members on another instance that wait to be written to the database.",
)
PASSED = Counter(
    "signalling_signals_passed_total",
    "Signals passed between instances: sent (written for another instance), delivered "
    "(handed to the member here), member_gone (the member was not here any more), "
    "expired (waited longer than RESUME_SECONDS), overflow (too much waited), failed.",
    ["result"],
)
PASSING_SECONDS = Histogram(
    "signalling_signal_passing_seconds",
    "Time from hearing a signal on one instance to handing it to a member on another.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
CRASHED = Counter(
    "signalling_instances_crashed_total",
    "Instances that stopped without a word and whose members were marked as lost.",
)
