"""What has happened of an appointment since it was booked, by ids and codes. Pure.

Kafka keeps no order between topics, so nothing is decided when something is heard. All of
it is kept, and each decision is made anew from whatever counts by then: the same facts
lead to the same end in whatever order they come, and however often.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Self
from uuid import UUID

from contract.appointment import Heard
from contract.envelope import Event
from contract.identity import Role
from contract.slot import Slot, SlotEvent

Codes = Mapping[str, str | int]
NO_CODES: Codes = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fact:
    """`at`: when it happened, by the clock of who published it; `noted_at`: by ours.

    `by` is the professional who did it, if one did.
    """

    topic: str
    at: datetime
    noted_at: datetime
    person_id: UUID | None = None
    slot: Slot | None = None
    by: str | None = None
    codes: Codes = field(default_factory=lambda: NO_CODES)

    @classmethod
    def of(cls, event: Event, now: datetime, holds: Slot | None) -> Self:
        """Only what is named here is taken from an event; the rest is forgotten.

        One that names no slot is about the slot that `holds` when it is heard.
        """
        named = event.slot if isinstance(event, SlotEvent) else None
        return cls(
            topic=event.topic,
            at=getattr(event, "at", None) or event.time or now,
            noted_at=now,
            person_id=getattr(event, "person_id", None),
            slot=named or holds,
            by=getattr(event, "professional_id", None),
            codes=_codes(event),
        )


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was heard of one appointment, and which slot of it holds."""

    facts: tuple[Fact, ...] = ()
    heard: Heard = field(default_factory=Heard)

    def and_then(self, fact: Fact) -> Self:
        return replace(self, facts=(*self.facts, fact))

    @property
    def roles(self) -> Mapping[UUID, Role]:
        """As what people attend. Who they are does not change when the time moves."""
        told = (
            (each.person_id, each.codes["role"])
            for each in _sorted(self.facts)
            if each.person_id and "role" in each.codes
        )
        return {person_id: Role(str(role)) for person_id, role in told}

    @property
    def current(self) -> list[Fact]:
        """What is about the slot that holds, in the order in which it happened."""
        return _sorted(each for each in self.facts if self.heard.is_current(each.slot))

    @property
    def not_over(self) -> list[Fact]:
        """The same, and what is about a slot of which we have not heard yet."""
        return _sorted(each for each in self.facts if not self.heard.is_over(each.slot))


def _sorted(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda each: each.at)


def _codes(event: Event) -> Codes:
    """Of those events that have them."""
    told = {
        "role": getattr(event, "role", None),
        "minutes": getattr(event, "minutes", None),
        "inferred": getattr(event, "inferred", None),
        "message_id": getattr(event, "message_id", None),
        "until": getattr(event, "until", None),
    }
    return {name: _plain(value) for name, value in told.items() if value is not None}


def _plain(value: object) -> str | int:
    match value:
        case int():
            return int(value)
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
