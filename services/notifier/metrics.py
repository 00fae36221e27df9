"""Everything that the notifier counts."""

from prometheus_client import Counter, Gauge, Histogram

STREAMS = Gauge("notifier_streams", "Streams open here.", ["audience"])
ENDED = Counter(
    "notifier_streams_ended_total",
    "Streams that ended: gone, slow, expired, stopping, behind.",
    ["why"],
)
NOTED = Counter("notifier_notices_total", "Events noted, by topic.", ["topic"])
PUSHED = Histogram(
    "notifier_push_seconds",
    "From a notice being written to its being handed to the streams here.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
