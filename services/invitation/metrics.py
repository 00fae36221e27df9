"""What the invitation service counts."""

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "invitation_deliveries_total",
    "E-mails by what became of them: queued, accepted, failed, obsolete.",
    ["kind", "state"],
)
TRIES = Counter(
    "invitation_tries_total",
    "Tries to hand an e-mail over, by outcome (accepted, not_now, never), and by cause "
    "if not now: later, slower, away, ours (how we come is for us to mend), fault (an "
    "error in this service: its log tells), untrue (no longer so when it was to leave).",
    ["outcome", "cause"],
)
REPEATED = Counter(
    "invitation_repeated_total",
    "E-mails tried again although the mail server may have taken them before.",
)
HANDED_OVER = Histogram(
    "invitation_handed_over_seconds",
    "Time from the decision to write until the mail server took the e-mail.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400),
)
LATE = Gauge(
    "invitation_late_seconds",
    "How long the longest waiting e-mail has been waiting since it was written.",
)
BOUNCES = Counter(
    "invitation_bounces_total",
    "What came back: failed (with a reason), delayed, delivered, complaint, no_report, "
    "or no_news when it changes nothing.",
    ["verdict", "reason"],
)
WAITING = Gauge("invitation_waiting", "E-mails that should have left by now.")
WAITING_AT_ONE = Gauge(
    "invitation_waiting_at_one_domain",
    "Of these, the number that wait for the domain with most of them.",
)
SLOWED = Gauge(
    "invitation_domains_slowed",
    "Domains that have asked for fewer e-mails at once and are left in peace.",
)
