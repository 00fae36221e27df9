"""What identity counts."""

from prometheus_client import Counter

IDENTIFICATIONS = Counter(
    "identity_identifications_total",
    "Visits' identifications by outcome: the role, or the code of a refusal.",
    ["outcome"],
)
GUARDIANS = Counter(
    "identity_guardians_asked_total",
    "Questions to e-Authorizations by what came of them: allowed, or why not.",
    ["answer"],
)
STAFF_LOGINS = Counter(
    "identity_staff_logins_total",
    "Staff logins by outcome: professional, or the code of a refusal.",
    ["outcome"],
)
HANDOVERS = Counter(
    "identity_handovers_total", "Visits that went on on another device."
)
SESSIONS_ENDED = Counter(
    "identity_sessions_ended_total",
    "Sessions ended before their time, by kind and by why.",
    ["kind", "why"],
)
FAILURES = Counter(
    "identity_failures_total",
    "Identifications that failed between us and a provider, by what was wrong.",
    ["why"],
)
