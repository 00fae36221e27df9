"""How late a visit is. Pure: no clock, no database, no network."""

from dataclasses import dataclass
from datetime import datetime, timedelta

STEP = timedelta(minutes=5)  # as exact as an honest guess can be
LONGEST = timedelta(minutes=600)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Delay:
    """`minutes` from the appointment's start; 0 is on time, when somebody says so."""

    minutes: int
    inferred: bool
    at: datetime


def guessed(starts_at: datetime, now: datetime) -> Delay:
    """How late it is already, rounded up to the next step."""
    steps = -((starts_at - now) // STEP)
    late = max(timedelta(0), min(steps * STEP, LONGEST))
    return Delay(late // MINUTE, inferred=True, at=now)
