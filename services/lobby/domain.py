"""Who may enter, and when. Pure: no clock, no database, no network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import SecretStr

from chassis.refusal import Refusal
from contract.appointment import UNHEARD, Heard
from contract.booking import Professional, Service, Unit
from contract.identity import Role
from contract.signalling import CallEnded, EndedBy
from contract.slot import Slot, Stamp
from services.lobby.delay import Delay, guessed
from services.lobby.place import Person, Place, State
from services.lobby.refusals import (
    AlreadyBegun,
    AppointmentIsCancelled,
    AppointmentIsOver,
    NotOpenYet,
    NoVisit,
)


class Status(StrEnum):
    """What has become of the appointment."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    MISSED = "missed"  # nobody asked to join for the patient
    UNSERVED = "unserved"  # they asked to join, and were not let in
    ENDED = "ended"


UNBEGUN = frozenset({Status.MISSED, Status.UNSERVED})  # their time went by
OVER = UNBEGUN | {Status.ENDED}


@dataclass(frozen=True, slots=True)
class Details:
    """Who meets whom, and where."""

    unit: Unit
    service: Service
    professional: Professional
    patient_name: SecretStr


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whether the last message to the patient went; `reason` is a code of the mail's."""

    failed: bool = False
    reason: str | None = None
    stamp: Stamp | None = None

    def sent(self, stamp: Stamp) -> Self:
        return self._by(replace(self, failed=False, reason=None, stamp=stamp))

    def refused(self, reason: str | None, stamp: Stamp) -> Self:
        return self._by(replace(self, failed=True, reason=reason, stamp=stamp))

    def _by(self, word: Self) -> Self:
        """Two topics, and no order between them: the newest word counts."""
        known, new = self.stamp, word.stamp
        return self if known and new and new.is_older_than(known) else word


NOTHING_HEARD = Heard()
NOTHING_KNOWN = Invitation()
FOR_THE_PATIENT = frozenset({Role.PATIENT, Role.GUARDIAN})


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment as the lobby knows it, which may be in part."""

    appointment_id: str
    heard: Heard = NOTHING_HEARD
    status: Status = Status.BOOKED
    details: Details | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    admitted_at: datetime | None = None
    in_call_since: datetime | None = None
    invitation: Invitation = NOTHING_KNOWN
    delay: Delay | None = None
    slot_sequence: int = UNHEARD  # of the slot that the last of these are about

    def has_come(self, at: datetime) -> bool:
        """Whether its time had begun by then."""
        return self.starts_at is not None and self.starts_at <= at

    def afresh(self) -> Self:
        """What was known of the slot before says nothing of the one that holds."""
        visit = self.not_over()
        return replace(visit, admitted_at=None, in_call_since=None, delay=None)

    def going_on(self) -> Self:
        """What has begun has begun, though the slot is another."""
        return self._now(delay=None)

    def not_over(self) -> Self:
        return replace(self, status=Status.BOOKED) if self.status in OVER else self

    def call_started(self, slot: Slot | None, at: datetime) -> Self:
        if self.heard.is_over(slot):
            return self
        return replace(self, in_call_since=at, slot_sequence=self._sequence(slot))

    def call_ended(self, said: CallEnded, inside: Sequence[Place]) -> Self:
        """The end of a call of a slot before ends nothing now.

        Unless that call went on into the time that holds: then it was this visit.
        """
        off = said.ended_by is EndedBy.CANCELLATION
        went_on = not off and self._includes(inside, said.at)
        if self.heard.is_over(said.slot) and not went_on:
            return self
        visit = self.with_inside(inside, said.at)
        if said.ended_by is not EndedBy.PROFESSIONAL:
            return replace(visit, in_call_since=None)
        return replace(visit.ended(), slot_sequence=self._sequence(said.slot))

    def with_inside(self, places: Iterable[Place], at: datetime) -> Self:
        """Who was let in before a move, and was inside when the time came, was served."""
        if self.admitted_at or not self._includes(places, at):
            return self
        return self._now(admitted_at=at, delay=None)

    def left_to(self, others: Iterable[Place]) -> Self:
        """A call without anybody for the patient is none: its end may be of a slot before."""
        return self if is_inside(others) else replace(self, in_call_since=None)

    def _includes(self, places: Iterable[Place], at: datetime) -> bool:
        off = self.status is Status.CANCELLED
        return not off and self.has_come(at) and is_inside(places)

    def _sequence(self, slot: Slot | None) -> int:
        """Of the slot that something is about; what goes on is about the one that holds."""
        if slot is None or self.heard.is_over(slot):
            return self.heard.times
        return slot.sequence

    def was_in_call(self, place: Place, slot: Slot | None, ended_at: datetime) -> bool:
        """Whether somebody who was let in was in the call that ended then.

        Who was let in to the slot that holds was in no call of one before.
        """
        if place.state is not State.ADMITTED or place.since > ended_at:
            return False
        sequence = place.slot_sequence
        return (
            not self.heard.is_over(slot)
            or sequence is None
            or sequence <= self.heard.over
        )

    def check_open(self, now: datetime, join_after_end: timedelta) -> None:
        """Raises the refusal that says why one may not ask to join now."""
        self.check_not_cancelled()
        if self.starts_at is None or self.ends_at is None:
            raise NoVisit("We have not heard of this appointment yet.")
        if now < self.starts_at:
            opens = self.starts_at.isoformat()
            raise NotOpenYet("The appointment has not begun.", opens_at=opens)
        if self.status in UNBEGUN or now > self.ends_at + join_after_end:
            raise AppointmentIsOver("The appointment is over.")

    def check_not_cancelled(self) -> None:
        if self.status is Status.CANCELLED:
            raise AppointmentIsCancelled("The appointment is cancelled.")

    def is_open(self, now: datetime, join_after_end: timedelta) -> bool:
        try:
            self.check_open(now, join_after_end)
        except Refusal:
            return False
        return True

    def entered(self, who: Person, at: datetime) -> Self:
        """Somebody was let in, also again after an end. A companion alone is no visit."""
        if who.role not in FOR_THE_PATIENT:
            return self
        since = self.admitted_at or at
        return self._now(status=Status.BOOKED, admitted_at=since, delay=None)

    def ended(self) -> Self:
        status = Status.ENDED if self.status is Status.BOOKED else self.status
        return self._now(status=status, in_call_since=None, delay=None)

    def is_overdue(self, ended_before: datetime) -> bool:
        """Whether its time went by and nobody was let in for the patient."""
        over = self.ends_at is not None and self.ends_at < ended_before
        return over and self.status is Status.BOOKED and not self.admitted_at

    def missed(self) -> Self:
        return self._now(status=Status.MISSED, delay=None)

    def unserved(self) -> Self:
        return self._now(status=Status.UNSERVED, delay=None)

    def cancelled(self) -> Self:
        return replace(self, status=Status.CANCELLED, delay=None)

    def not_cancelled(self) -> Self:
        """Booked again, if it was cancelled; whoever corrects it says nothing new."""
        off = self.status is Status.CANCELLED
        return replace(self, status=Status.BOOKED) if off else self

    def late(self, minutes: int, at: datetime) -> Self:
        """By a professional's word, which no guess of ours may replace."""
        self.check_not_cancelled()
        if self.status in UNBEGUN:
            raise AppointmentIsOver("The appointment is over.")
        if self.has_begun():
            raise AlreadyBegun("The visit has begun: it is late no more.")
        said = Delay(minutes, inferred=False, at=at)
        same = self.delay is not None and replace(self.delay, at=at) == said
        return self if same else self._now(delay=said)

    def kept_waiting(self, at: datetime) -> Self:
        """Somebody waits, and the professional's other call still runs."""
        off = self.status is not Status.BOOKED or self.has_begun()
        if off or self.starts_at is None or (self.delay and not self.delay.inferred):
            return self
        guess = guessed(self.starts_at, at)
        grown = guess.minutes > (self.delay.minutes if self.delay else 0)
        return self._now(delay=guess) if grown else self

    def told_delay(self) -> Delay | None:
        """What there is to tell: that one is on time is no news."""
        return self.delay if self.delay and self.delay.minutes else None

    def check_can_be_written_to(self, now: datetime, kept: timedelta) -> None:
        """Until what is written would be forgotten at once, so long after the end."""
        self.check_not_cancelled()
        if self.ends_at is None or now > self.ends_at + kept:
            raise AppointmentIsOver("The appointment is over.")

    def _now(self, **known: Any) -> Self:
        """With something that is known of the slot that holds."""
        return replace(self, slot_sequence=self.heard.times, **known)

    def has_begun(self) -> bool:
        return self.admitted_at is not None or self.status is Status.ENDED


def waiting_since(places: Iterable[Place]) -> datetime | None:
    """When somebody first asked to join for the patient; a companion alone is no visit."""
    asked = (each.asked_at for each in places if each.person.role in FOR_THE_PATIENT)
    return min(filter(None, asked), default=None)


def is_inside(places: Iterable[Place]) -> bool:
    """Whether somebody for the patient has been let in."""
    return any(
        each.state is State.ADMITTED and each.person.role in FOR_THE_PATIENT
        for each in places
    )
