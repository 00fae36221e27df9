"""The one rule of order: which of two events about an appointment counts.

Used by every service. Pure, and the same end comes of the same events in whatever order
they are consumed, and however often.

Changes (booked, rescheduled, cancelled): an appointment has three aspects, each renewed
by the newest change of it. A cancellation or a move consumed before its booking is
remembered and wins.

Everything else (`SlotEvent`) is about a slot, one booked time of the appointment.
`Heard.relevance` says whether that slot is the one that holds. An appointment that is
moved has another slot, and so has one that is cancelled and booked again, at the same
time too. A correction that keeps the times keeps the slot.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Change,
    Timed,
)
from contract.slot import Slot

UNHEARD = -1


class Aspect(StrEnum):
    DETAILS = "details"  # who, where, with whom
    TIMES = "times"  # starts_at, ends_at
    STATUS = "status"  # booked or cancelled


class Relevance(StrEnum):
    """What an event about a slot means to whoever has heard what `Heard` holds."""

    CURRENT = "current"  # about the slot that holds: act on it
    AHEAD = (
        "ahead"  # about one not heard of yet: keep it, and ask again after each change
    )
    OUTDATED = (
        "outdated"  # about one that is over: pass it over, and drop what was kept
    )


ABOUT: dict[type[Change], frozenset[Aspect]] = {
    AppointmentBooked: frozenset(Aspect),
    AppointmentRescheduled: frozenset({Aspect.TIMES}),
    AppointmentCancelled: frozenset({Aspect.STATUS}),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of one appointment, as far as order is concerned.

    The sequence of the newest change of each aspect, the start by the newest change of
    the times, and the highest sequence at which the appointment was cancelled or stood at
    another start: every slot up to that one is over.
    """

    details: int = UNHEARD
    times: int = UNHEARD
    status: int = UNHEARD
    starts_at: datetime | None = None
    over: int = UNHEARD

    def renewed_by(self, change: Change) -> frozenset[Aspect]:
        """The aspects on which this is the newest word."""
        about = next(ABOUT[kind] for kind in type(change).__mro__ if kind in ABOUT)
        return frozenset(each for each in about if self._is_newer(change, each))

    def and_then(self, change: Change) -> Self:
        renewed = self.renewed_by(change)
        sequences: Any = {each.value: change.sequence for each in renewed}
        heard = replace(self, over=self._over_by(change), **sequences)
        if Aspect.TIMES in renewed and isinstance(change, Timed):
            heard = replace(heard, starts_at=change.starts_at)
        return heard

    def with_slot(self, slot: Slot) -> Self:
        """For whoever is told of no changes, and learns of slots from other events."""
        heard = replace(self, over=self._over_with(slot))
        if slot.sequence < self.times:
            return heard
        return replace(heard, times=slot.sequence, starts_at=slot.starts_at)

    @property
    def slot(self) -> Slot | None:
        """What is published now is about this slot; nothing before the times are known."""
        if self.starts_at is None or self.times == UNHEARD:
            return None
        return Slot(self.starts_at, self.times)

    def relevance(self, slot: Slot | None) -> Relevance:
        """What an event about this slot means now; one that names none counts."""
        if slot is None:
            return Relevance.CURRENT
        if slot.sequence <= self.over:
            return Relevance.OUTDATED
        if self.times > self.over and self.starts_at in {None, slot.starts_at}:
            return Relevance.CURRENT
        is_older = slot.sequence < self.times
        return Relevance.OUTDATED if is_older else Relevance.AHEAD

    def is_current(self, slot: Slot | None) -> bool:
        return self.relevance(slot) is Relevance.CURRENT

    def is_over(self, slot: Slot | None) -> bool:
        """Whether this slot holds no more. What was still to be said of it is not.

        The one meaning of *moved*, in every service: another start, or a cancellation,
        and then also a new booking at the same time. A new end, or a correction, is none.
        """
        return slot is not None and self.relevance(slot) is Relevance.OUTDATED

    def _over_by(self, change: Change) -> int:
        if isinstance(change, Timed):
            return self._over_with(Slot(change.starts_at, change.sequence))
        return max(self.over, change.sequence)

    def _over_with(self, slot: Slot) -> int:
        """Another start ends the slots before it, whichever of the two is the older."""
        if self.starts_at in {None, slot.starts_at}:
            return self.over
        older, newer = sorted((slot.sequence, self.times))
        return max(self.over, min(older, newer - 1))  # or somebody does not count

    def _is_newer(self, change: Change, aspect: Aspect) -> bool:
        """A booking system that forgets to count still means what it said last."""
        heard: int = getattr(self, aspect)
        if isinstance(change, AppointmentBooked):
            return change.sequence > heard
        return change.sequence >= heard
