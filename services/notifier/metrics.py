"""Everything that the notifier counts."""

from prometheus_client import Counter, Gauge, Histogram

STREAMS = Gauge("notifier_streams", "Streams open here.", ["audience"])
ENDED = Counter(
    "notifier_streams_ended_total",
    "Streams that ended: gone, slow, expired, stopping, behind.",
    ["why"],
)
NOTED = Counter("notifier_notices_total", "Events noted, by topic.", ["topic"])
UNREADABLE = Counter(
    "notifier_notices_unreadable_total",
    "Notices that could not be read and were left out of the streams.",
)
RELEVANCE = Counter(
    "notifier_events_relevance_total",
    "Events about a booked time of an appointment: current, ahead (of a move or booking "
    "that has not been consumed yet, and kept until then), outdated (passed over).",
    ["relevance"],
)
PUSHED = Histogram(
    "notifier_push_seconds",
    "From a notice being written to its being handed to the streams here.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
MESSAGES = Counter(
    "notifier_messages_total",
    "Messages by what became of them: accepted, failed, obsolete.",
    ["channel", "subject", "state"],
)
TRIES = Counter(
    "notifier_message_tries_total",
    "Tries to hand a message over, by outcome: accepted, not_now, never.",
    ["channel", "outcome"],
)
UNWRITABLE = Counter(
    "notifier_messages_unwritable_total",
    "Messages that could not be read, judged or written. Each is put aside or fails "
    "alone; the log has its id.",
    ["channel"],
)
OURS = Counter(
    "notifier_message_tries_ours_total",
    "Tries that failed because of our credentials, keys or settings. The messages are "
    "tried again until they are of no use any more.",
    ["channel"],
)
REPEATED = Counter(
    "notifier_messages_repeated_total",
    "Messages tried again although the supplier may have taken them before.",
    ["channel"],
)
HANDED_OVER = Histogram(
    "notifier_message_seconds",
    "Time from the decision to tell until a supplier took the message.",
    ["channel"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400),
)
OLDEST = Gauge(
    "notifier_oldest_message_seconds",
    "How long the longest waiting message has been waiting since it was written.",
    ["channel"],
)
SMS_PARTS = Histogram(
    "notifier_sms_parts",
    "Parts that a text message takes, as networks count and bill them.",
    buckets=(1, 2, 3, 4, 5),
)
SWITCHED_OFF = Counter(
    "notifier_webhooks_switched_off_total",
    "Webhooks whose receiver said that it wants no more (410).",
)
TIME_TO_NOTICE = Histogram(
    "notifier_time_to_notice_seconds",
    "From somebody waiting to the first that a person does about it: acknowledged, "
    "messaged, summoned, admitted, refused; and the highest rung that was climbed.",
    ["how", "rung"],
    buckets=(5, 15, 30, 60, 90, 120, 180, 300, 600, 1200, 3600),
)
RUNGS = Counter(
    "notifier_rungs_climbed_total",
    "Rungs of the doorbells' ladder that were climbed: push, colleague, duty.",
    ["rung"],
)
DOORBELLS = Gauge(
    "notifier_doorbells",
    "Doorbells that nobody has answered, of all instances: ringing, and of these past, "
    "where there has been nobody left to wake for a minute.",
    ["state"],
)
