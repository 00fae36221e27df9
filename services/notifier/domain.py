"""What a notice is, whom it is for, and how long an appointment concerns us.

A notice says that something happened, by ids and codes. Whoever hears it asks the lobby.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from contract.appointment import Aspect, Heard
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Change,
    Timed,
)
from contract.envelope import Event
from contract.invitation import InvitationFailed

REPLAYED = timedelta(minutes=10)  # a stream that was away no longer misses nothing
KEPT_AFTER_THE_END = timedelta(days=1)
KEPT_UNBOOKED = timedelta(days=30)  # as long as Kafka could still bring the booking

CODES = ("minutes", "seconds", "reason", "ended_by", "kind")
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")

# A change is news only when nothing newer was heard of this.
NEWS_OF: Mapping[type[Change], Aspect] = {
    AppointmentBooked: Aspect.STATUS,
    AppointmentRescheduled: Aspect.TIMES,
    AppointmentCancelled: Aspect.STATUS,
}


class Audience(StrEnum):
    """Whose streams: those of one visit, or those of one unit's staff."""

    VISIT = "visit"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Ears:
    """What a stream listens for: `names` of appointments, or of units."""

    audience: Audience
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened and has not been noted yet."""

    appointment_id: str
    topic: str
    person_id: UUID | None
    codes: Mapping[str, str | int]
    at: datetime
    audiences: frozenset[Audience] = frozenset(Audience)

    @classmethod
    def of(cls, event: Event, now: datetime) -> Self:
        """Only what is named here is taken from an event; the rest is forgotten."""
        return cls(
            appointment_id=event.appointment_id,
            topic=event.topic,
            person_id=getattr(event, "person_id", None),
            codes=_codes(event),
            at=getattr(event, "at", None) or event.time or now,
            audiences=_audiences(event),
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """News under its number. `told` is what a browser gets."""

    id: int
    audience: Audience
    addressee: str
    told: Mapping[str, Any]
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stood at `upto`: the latest notice per appointment and person."""

    upto: int
    notices: list[Notice]


@dataclass(frozen=True, slots=True)
class Missed:
    """Everything since the notice that the stream last had, to `upto`."""

    upto: int
    notices: list[Notice]


@dataclass(frozen=True, slots=True)
class Appointment:
    """What the notifier knows of one: nothing about a person."""

    appointment_id: str
    kept_until: datetime
    unit_id: str | None = None
    heard: Heard = field(default_factory=Heard)

    @classmethod
    def unheard(cls, appointment_id: str, now: datetime) -> Self:
        return cls(appointment_id, now + KEPT_UNBOOKED)

    def changed_by(self, change: Change) -> Self:
        renewed = self.heard.renewed_by(change)
        changed = replace(self, heard=self.heard.and_then(change))
        if isinstance(change, AppointmentBooked) and Aspect.DETAILS in renewed:
            changed = replace(changed, unit_id=change.unit.id)
        if isinstance(change, Timed) and Aspect.TIMES in renewed:
            changed = replace(changed, kept_until=change.ends_at + KEPT_AFTER_THE_END)
        return changed

    def is_news(self, change: Change) -> bool:
        return NEWS_OF[type(change)] in self.heard.renewed_by(change)


def _codes(event: Event) -> dict[str, str | int]:
    """Numbers, and words that are codes: whatever reads like a sentence stays out."""
    found = {name: getattr(event, name, None) for name in CODES}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int)
        or (isinstance(value, str) and CODE.fullmatch(value) is not None)
    }


def _audiences(event: Event) -> frozenset[Audience]:
    """Whoever looks at the visit has come without the message that failed."""
    if isinstance(event, InvitationFailed):
        return frozenset({Audience.UNIT})
    return frozenset(Audience)
