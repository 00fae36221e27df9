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
MISSED = Counter("lobby_missed_total", "Appointments that nobody was admitted to.")
ANSWERS = Counter(
    "lobby_answers_total", "Answers to the closing page's question.", ["went"]
)
