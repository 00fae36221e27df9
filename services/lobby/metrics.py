"""What the lobby counts."""

from prometheus_client import Counter, Histogram

ASKED = Counter("lobby_asked_total", "Requests to join, by outcome.", ["outcome"])
DECIDED = Counter(
    "lobby_decided_total",
    "Professionals' decisions at the door: admitted, refused, returned.",
    ["decision"],
)
WAITED = Histogram(
    "lobby_waited_seconds",
    "Time from asking to join until admitted.",
    buckets=(5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600),
)
MISSED = Counter(
    "lobby_missed_total",
    "Appointments whose time went by and to which nobody asked to join for the patient.",
)
UNSERVED = Counter(
    "lobby_unserved_total",
    "Appointments whose time went by while the patient, who had asked to join, was not "
    "admitted.",
)
ANSWERS = Counter(
    "lobby_answers_total", "Answers to the closing page's question.", ["went"]
)
MESSAGES = Counter(
    "lobby_messages_total", "Messages from professionals: canned, free.", ["kind"]
)
MESSAGES_READ = Counter("lobby_messages_read_total", "Messages that were seen.")
SUMMONED = Counter("lobby_summoned_total", "People who were away and asked to come.")
SUMMONS_ENDED = Counter(
    "lobby_summons_ended_total",
    "What became of asking someone to come: came, passed (nobody came in time).",
    ["outcome"],
)
DELAYED = Counter(
    "lobby_delayed_total",
    "Times that a visit was made late or on time again: said, inferred.",
    ["how"],
)
