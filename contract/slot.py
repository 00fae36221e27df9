"""Which of an appointment's times an event is about.

An appointment may be moved, cancelled and booked again under one id, and Kafka keeps no
order between topics. So every event that is published about an appointment after it was
booked names its slot. Which events count for whoever consumes them: `contract.appointment`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime

from contract.booking import Sequence
from contract.envelope import Event


@dataclass(frozen=True, slots=True)
class Slot:
    """One booked time: its start, and the `sequence` of the newest change of the times."""

    starts_at: datetime
    sequence: int


class SlotEvent(Event):
    """Something about one slot of an appointment."""

    starts_at: AwareDatetime | None = None
    """Start of the slot that this is about, as the publisher knew it. Absent, like
    `sequence`, in events published before 2026-12."""
    sequence: Sequence | None = None
    "Sequence of the newest change of the appointment's times that the publisher knew."

    @property
    def slot(self) -> Slot | None:
        """Nothing when the publisher did not say."""
        if self.starts_at is None or self.sequence is None:
            return None
        return Slot(self.starts_at, self.sequence)

    def about(self, slot: Slot | None) -> Self:
        """The same event about this slot; as it is when the publisher knows of none."""
        if slot is None:
            return self
        named = {"starts_at": slot.starts_at, "sequence": slot.sequence}
        return self.model_copy(update=named)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Orders what one publisher says of one thing: the newest event about it counts."""

    slot: Slot | None
    at: datetime

    def is_older_than(self, other: Self) -> bool:
        """By sequence where it differs, since two instances' clocks may; else by time."""
        if self.slot and other.slot and self.slot.sequence != other.slot.sequence:
            return self.slot.sequence < other.slot.sequence
        return self.at < other.at
