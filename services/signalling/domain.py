"""Who may be in a call, and what starts and ends it. Pure: it decides and does nothing.

The lobby's word is the truth about who may be in. It is about a slot of the appointment:
once that is over, by a move or a cancellation, it lets nobody in to the next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from chassis.refusal import Refusal
from contract.appointment import Heard
from contract.identity import Role
from contract.signalling import EndedBy
from contract.slot import Slot


class NotAdmitted(Refusal):
    """The lobby has not let them in, or has taken it back."""

    code = "not_admitted"


class AppointmentCancelled(Refusal):
    code = "appointment_cancelled"


class CallOver(Refusal):
    """The call has ended since they were admitted."""

    code = "call_over"


class BadFrame(Refusal):
    """Not a frame of the protocol, or not one to be said now; quotes no value."""

    code = "bad_frame"


class TooFast(Refusal):
    code = "too_fast"


class TooSlow(Refusal):
    """They do not say hello, or do not take what is sent."""

    code = "too_slow"


class Replaced(Refusal):
    """The same person opened the call elsewhere."""

    code = "replaced"


class SessionOver(Refusal):
    """Their session's token is over; with a renewed one they may come back."""

    code = "session_over"


class Restarting(Refusal):
    code = "restarting"


class TryAgain(Refusal):
    """Something we lean on does not answer."""

    code = "unavailable"


class Failed(Refusal):
    """A fault of ours."""

    code = "failed"


class Side(StrEnum):
    """Through which door of the lobby someone came."""

    PATIENT = "patient"
    PROFESSIONAL = "professional"


def side(role: Role) -> Side:
    return Side.PROFESSIONAL if role is Role.PROFESSIONAL else Side.PATIENT


def is_polite(role: Role) -> bool:
    """Whether they ask for offers, and leave it to an impolite one to make them."""
    return role is not Role.PROFESSIONAL


FOR_THE_PATIENT = frozenset({Role.PATIENT, Role.GUARDIAN})


def together_by(members: Iterable[tuple[Role, datetime]]) -> datetime | None:
    """Both sides are in: this is what makes a call of a room.

    The admission by which they came together, from each member's role and admission;
    nothing when they have not.
    """
    admissions = list(members)
    hosts = [at for role, at in admissions if role is Role.PROFESSIONAL]
    guests = [at for role, at in admissions if role in FOR_THE_PATIENT]
    return min(max(hosts), max(guests)) if hosts and guests else None


def ends_with(leaving: Role, staying: Iterable[Role]) -> bool:
    """Whether a call is over when this one leaves on purpose and these stay.

    A professional may come back while the patient is there. A companion ends nothing.
    """
    ends = leaving is Role.PROFESSIONAL or leaving in FOR_THE_PATIENT
    return ends and not frozenset(staying) & FOR_THE_PATIENT


@dataclass(frozen=True, slots=True)
class Person:
    """Someone at the door, as their session says."""

    appointment_id: str
    member: str
    role: Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone at the door, and until when their session's token says so."""

    person: Person
    until: datetime


@dataclass(frozen=True, slots=True)
class Admission:
    """The lobby's latest word about one person."""

    side: Side
    admitted: bool
    at: datetime
    slot: Slot | None = None


MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Call:
    """The latest call of an appointment; without a start when it was ended before one."""

    started_at: datetime | None
    ended_at: datetime | None
    ended_by: EndedBy | None
    slot: Slot | None = None

    @property
    def seconds(self) -> int | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0, round((self.ended_at - self.started_at).total_seconds()))

    @property
    def open_since(self) -> datetime | None:
        return self.started_at if self.ended_at is None else None

    @property
    def fell_silent(self) -> bool:
        """It ended because nobody was known to be connected: somebody may have been."""
        return self.ended_by is EndedBy.SILENCE

    def next_start(self, now: datetime) -> datetime:
        """The next call starts after the end of this one, whatever the clocks say."""
        return now if self.ended_at is None else max(now, self.ended_at + MOMENT)


@dataclass(frozen=True, slots=True)
class Started:
    """Both sides of an appointment were in at this time, by this admission."""

    appointment_id: str
    at: datetime
    admitted_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """Somebody ended the call of an appointment, or the wait for it, at this time."""

    appointment_id: str
    started_at: datetime | None
    at: datetime
    by: EndedBy

    @property
    def call(self) -> Call:
        return Call(self.started_at, self.at, self.by)


Deed = Started | Ended
NOTHING_HEARD = Heard()


@dataclass(frozen=True, slots=True)
class Order:
    """What was heard of an appointment's slots, and whether it ever was cancelled."""

    heard: Heard = NOTHING_HEARD
    was_cancelled: bool = False

    @property
    def is_off(self) -> bool:
        """Cancelled, and nobody was let in to a newer slot."""
        return self.was_cancelled and self.heard.times <= self.heard.status

    def knowing(self, slot: Slot | None) -> Self:
        """With what the lobby's word about this slot says."""
        if slot is None:
            return self
        return replace(self, heard=self.heard.with_slot(slot))

    def holds(self, slot: Slot | None) -> bool:
        """Whether who was let in to this slot may still come in.

        Where the lobby named none, a cancellation is final, as it was before slots.
        """
        return not self.was_cancelled if slot is None else self.heard.is_current(slot)

    def is_over(self, call: Call) -> bool:
        """Whether the call is one of a slot before."""
        return self.is_off if call.slot is None else self.heard.is_over(call.slot)

    def was_moved(self, call: Call) -> bool:
        """Whether the slot of the call is over by a move, and by no cancellation."""
        slot = call.slot
        if slot is None or self.is_off or not self.heard.is_over(slot):
            return False
        cancelled = Heard(over=self.heard.status)
        return not cancelled.is_over(slot)

    def has_ended(self, latest: Call, started: Started) -> bool:
        """Whether the call that this would start is over already.

        A silence ends nothing for those who are together after it.
        """
        if latest.ended_at is None or self.is_over(latest):
            return False
        since = started.admitted_at
        if latest.fell_silent:
            since = max(since, started.at)
        return latest.ended_at >= since


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is written about an appointment; of calls, the latest."""

    order: Order
    admissions: Mapping[str, Admission]
    latest_call: Call | None

    @property
    def call(self) -> Call | None:
        """The latest of the slot that holds. The end of one before ends nothing now."""
        call = self.latest_call
        return None if call is None or self.order.heard.is_over(call.slot) else call

    @property
    def where_somebody_is(self) -> Self:
        """The same to a room with somebody connected: no silence has ended its call."""
        if self.latest_call is None or not self.latest_call.fell_silent:
            return self
        return replace(self, latest_call=None)

    def admitted_since(self, person: Person, word: Admission | None) -> datetime | None:
        """Since when they may come in; nothing while we have not heard that they may.

        `word` is the lobby's, as they themselves can show it.
        Raises `AppointmentCancelled` and `CallOver`.
        """
        if word is None:
            return self._since(person, None)
        informed = replace(self, order=self.order.knowing(word.slot))
        at = word.at if informed.order.holds(word.slot) else None
        return informed._since(person, at)  # noqa: SLF001 - it is one of us

    def still_admitted_since(self, person: Person, since: datetime) -> datetime | None:
        """The same for somebody who is in already. A move alone shows nobody out."""
        return self._since(person, None if self.order.is_off else since)

    def _since(self, person: Person, word: datetime | None) -> datetime | None:
        since = self._latest(person, word)
        if since is None and self.order.is_off:
            raise AppointmentCancelled("The appointment is cancelled.")
        if since is not None and self._is_over(since):
            raise CallOver("The call has ended.")
        return since

    def _latest(self, person: Person, word: datetime | None) -> datetime | None:
        said = self.admissions.get(person.member)
        if said is None or said.side is not side(person.role):
            return word
        if word is not None and word > said.at:
            return word
        if not said.admitted:
            return None
        return said.at if self.order.holds(said.slot) else word

    def _is_over(self, since: datetime) -> bool:
        ended_at = self.call.ended_at if self.call else None
        return ended_at is not None and ended_at >= since
