"""The order rule of appointment events: the same for everyone who hears them.

Kafka orders within one topic only and may repeat. An appointment therefore has three
aspects, each renewed by whatever newest word was said about it, in whatever order the
words are heard: a cancellation or a move heard before its booking is remembered and wins.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Change,
)

UNHEARD = -1


class Aspect(StrEnum):
    DETAILS = "details"  # who, where, with whom
    TIMES = "times"  # starts_at, ends_at
    STATUS = "status"  # booked or cancelled


ABOUT: dict[type[Change], frozenset[Aspect]] = {
    AppointmentBooked: frozenset(Aspect),
    AppointmentRescheduled: frozenset({Aspect.TIMES}),
    AppointmentCancelled: frozenset({Aspect.STATUS}),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """The sequence of the newest word about each aspect of one appointment."""

    details: int = UNHEARD
    times: int = UNHEARD
    status: int = UNHEARD

    def renewed_by(self, change: Change) -> frozenset[Aspect]:
        """The aspects on which this is the newest word."""
        about = next(ABOUT[kind] for kind in type(change).__mro__ if kind in ABOUT)
        return frozenset(each for each in about if self._is_newer(change, each))

    def and_then(self, change: Change) -> Self:
        renewed = {each.value: change.sequence for each in self.renewed_by(change)}
        return replace(self, **renewed)

    def _is_newer(self, change: Change, aspect: Aspect) -> bool:
        """A booking system that forgets to count still means what it said last."""
        heard: int = getattr(self, aspect)
        if isinstance(change, AppointmentBooked):
            return change.sequence > heard
        return change.sequence >= heard
