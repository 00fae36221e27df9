"""What every service counts. Labels come from closed sets; a person is never a label."""

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_AGE = Gauge(
    "chassis_outbox_oldest_seconds",
    "Age of the oldest event that Kafka has not yet got.",
    ["service"],
)
RELAYED = Counter(
    "chassis_relayed_total", "Events handed to Kafka from the outbox.", ["service"]
)
HEARD = Counter(
    "chassis_heard_total",
    "Messages heard, by what became of them: acted, passed, parked, failed, away.",
    ["service", "topic", "outcome"],
)
FETCH_ERRORS = Counter(
    "chassis_fetch_errors_total",
    "Errors of reading from Kafka, by kind: corrupt, unknown_codec, undecodable and too_large (stepped over, a dead letter "
    "has the place), no_position and out_of_range (goes on at the oldest record), forbidden, not_fetched, unreachable, commit "
    "and group (tried again), topic_missing. No topic: of all of them.",
    ["service", "topic", "kind"],
)
LAG = Gauge(
    "chassis_consumer_lag",
    "Records of a partition of this instance that are in Kafka and not yet done.",
    ["service", "topic", "partition"],
)
STALLED = Gauge(
    "chassis_consumer_stalled_seconds",
    "Seconds since a partition of this instance last went on, while it has lag. Waiting for the database does not count.",
    ["service", "topic", "partition"],
)
OUTSIDE_GROUP = Gauge(
    "chassis_consumer_outside_group_seconds",
    "Seconds since this instance has been without a place in its consumer group, though Kafka answers; 0 when it has one, "
    "also one without partitions.",
    ["service"],
)
TOPICS_MISSING = Gauge(
    "chassis_topics_missing",
    "Topics that the service consumes and that are not there, or that it may not see.",
    ["service"],
)
DEAD_LETTERS_REFUSED = Counter(
    "chassis_dead_letters_refused_total",
    "Messages that became no dead letter, for Kafka refused it: the log has their place.",
    ["service", "topic"],
)
REQUESTS = Histogram(
    "chassis_request_seconds",
    "Time to answer a request, by route (never by path).",
    ["service", "method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
IS_READY = Gauge(
    "chassis_ready", "1 when the service takes requests, else 0.", ["service"]
)
TASK_UP = Gauge(
    "chassis_task_up",
    "1 while a background task runs, 0 from the moment it ends until it has run again "
    "for 30 seconds.",
    ["service", "task"],
)
TASK_RESTARTS = Counter(
    "chassis_task_restarts_total",
    "Background tasks that ended and were started again, by cause: crashed (an error), "
    "returned (it should run for ever), unavailable (it waits for PostgreSQL or Kafka).",
    ["service", "task", "cause"],
)
DATABASE_UNAVAILABLE = Counter(
    "chassis_database_unavailable_total",
    "Transactions and connections that PostgreSQL did not serve, by SQLSTATE or kind of "
    "error and by what is right: away (wait, then try again) or again (at once).",
    ["service", "code", "verdict"],
)
