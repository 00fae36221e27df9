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
