"""Who may enter, and when. Pure: no clock, no database, no network."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, Self
from uuid import UUID

from pydantic import SecretStr

from chassis.refusal import Refusal
from contract.appointment import Aspect, Heard
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    Change,
    Professional,
    Service,
    Timed,
    Unit,
)
from contract.identity import Role


class NoVisit(Refusal):
    """The booking or the identification has not been heard of, here and now."""

    code = "no_visit"


class NotOpenYet(Refusal):
    code = "not_open_yet"


class AppointmentIsCancelled(Refusal):
    code = "appointment_cancelled"


class AppointmentIsOver(Refusal):
    code = "appointment_over"


class AlreadyInCall(Refusal):
    code = "already_in_call"


class NobodyThere(Refusal):
    """No such place, or one in another unit: the two must look the same."""

    code = "nobody_there"


class NotWaiting(Refusal):
    code = "not_waiting"


class NotInCall(Refusal):
    code = "not_in_call"


class SomeoneWasFirst(Refusal):
    code = "someone_was_first"


class Status(StrEnum):
    """What has become of the appointment."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    MISSED = "missed"
    ENDED = "ended"


class State(StrEnum):
    """What has become of one person's place."""

    IDENTIFIED = "identified"
    WAITING = "waiting"
    ADMITTED = "admitted"
    REFUSED = "refused"
    LEFT = "left"


class Move(StrEnum):
    """What can happen to a place."""

    ASK = "ask"
    ADMIT = "admit"
    REFUSE = "refuse"
    RETURN = "return"
    LEAVE = "leave"
    POSTPONE = "postpone"


# The whole life of a place. What does not stand here does not happen.
MOVES = MappingProxyType(
    {
        (State.IDENTIFIED, Move.ASK): State.WAITING,
        (State.REFUSED, Move.ASK): State.WAITING,
        (State.LEFT, Move.ASK): State.WAITING,
        (State.WAITING, Move.ADMIT): State.ADMITTED,
        (State.WAITING, Move.REFUSE): State.REFUSED,
        (State.WAITING, Move.LEAVE): State.LEFT,
        (State.WAITING, Move.POSTPONE): State.IDENTIFIED,
        (State.ADMITTED, Move.RETURN): State.WAITING,
        (State.ADMITTED, Move.LEAVE): State.LEFT,
    }
)


class Reason(StrEnum):
    """Why someone was refused or returned; the pages have words for each."""

    WRONG_TIME = "wrong_time"
    WRONG_UNIT = "wrong_unit"
    NOT_READY = "not_ready"
    TECHNICAL = "technical"
    OTHER = "other"


CheckResult = Literal["pass", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Details:
    """Who meets whom, and where."""

    unit: Unit
    service: Service
    professional: Professional
    patient_name: SecretStr


NOTHING_HEARD = Heard()
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
    invitation_failed: bool = False

    def after(self, change: Change) -> Self:
        """With what is new in this word of the booking system."""
        renewed = self.heard.renewed_by(change)
        visit = replace(self, heard=self.heard.and_then(change))
        if Aspect.DETAILS in renewed and isinstance(change, AppointmentBooked):
            visit = replace(visit, details=_details(change))
        if Aspect.TIMES in renewed and isinstance(change, Timed):
            visit = visit.at(change.starts_at, change.ends_at)
        if Aspect.STATUS in renewed:
            off = isinstance(change, AppointmentCancelled)
            visit = replace(visit, status=Status.CANCELLED if off else Status.BOOKED)
        return visit

    def at(self, starts_at: datetime, ends_at: datetime) -> Self:
        """At this time. A missed or ended appointment that moves is booked again."""
        visit = replace(self, starts_at=starts_at, ends_at=ends_at)
        if self.status in {Status.MISSED, Status.ENDED}:
            visit = replace(visit, status=Status.BOOKED, admitted_at=None)
        return visit

    def check_open(self, now: datetime, join_after_end: timedelta) -> None:
        """Raises the refusal that says why one may not ask to join now."""
        self.check_not_cancelled()
        if self.starts_at is None or self.ends_at is None:
            raise NoVisit("We have not heard of this appointment yet.")
        if now < self.starts_at:
            opens = self.starts_at.isoformat()
            raise NotOpenYet("The appointment has not begun.", opens_at=opens)
        if self.status is Status.MISSED or now > self.ends_at + join_after_end:
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

    def entered(self, who: "Person", at: datetime) -> Self:
        """Somebody was let in, also again after an end. A companion alone is no visit."""
        if who.role not in FOR_THE_PATIENT:
            return self
        return replace(self, status=Status.BOOKED, admitted_at=self.admitted_at or at)

    def ended(self) -> Self:
        status = Status.ENDED if self.status is Status.BOOKED else self.status
        return replace(self, status=status, in_call_since=None)

    def missed(self) -> Self:
        return replace(self, status=Status.MISSED)


def _details(booked: AppointmentBooked) -> Details:
    return Details(
        booked.unit, booked.service, booked.professional, booked.patient.name
    )


@dataclass(frozen=True, slots=True)
class Person:
    """Who holds a place, as identity told it."""

    person_id: UUID
    role: Role
    name: SecretStr
    birth_year: int
    method: str


@dataclass(frozen=True, slots=True)
class Place:
    """One person's place in line for one appointment; it outlives tabs and sockets."""

    appointment_id: str
    person: Person
    state: State
    version: int
    since: datetime
    reason: Reason | None = None
    by: Professional | None = None
    checks: MappingProxyType[str, str] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def asked(self, at: datetime) -> Self:
        """Asking twice keeps the place."""
        if self.state is State.WAITING:
            return self
        if self.state is State.ADMITTED:
            raise AlreadyInCall("You have been let in.")
        return replace(self._moved(Move.ASK, at), reason=None, by=None)

    def admitted(self, seen: int, by: Professional, at: datetime) -> Self:
        """Let in the person the professional was looking at, as they saw them."""
        self._check_seen(seen)
        if self.state is not State.WAITING:
            raise NotWaiting("This person is not waiting.")
        return replace(self._moved(Move.ADMIT, at), reason=None, by=by)

    def refused(self, seen: int, by: Professional, why: Reason, at: datetime) -> Self:
        self._check_seen(seen)
        if self.state is not State.WAITING:
            raise NotWaiting("This person is not waiting.")
        return replace(self._moved(Move.REFUSE, at), reason=why, by=by)

    def returned(self, seen: int, by: Professional, why: Reason, at: datetime) -> Self:
        """From the call back to the line."""
        self._check_seen(seen)
        if self.state is not State.ADMITTED:
            raise NotInCall("This person is not in the call.")
        return replace(self._moved(Move.RETURN, at), reason=why, by=by)

    def left(self, at: datetime) -> Self:
        """Leaving twice, or before asking, changes nothing."""
        if (self.state, Move.LEAVE) not in MOVES:
            return self
        return self._moved(Move.LEAVE, at)

    def postponed(self, at: datetime) -> Self:
        """The appointment moved to later: nobody waits for it yet."""
        if self.state is not State.WAITING:
            return self
        return self._moved(Move.POSTPONE, at)

    def _check_seen(self, seen: int) -> None:
        if self.version != seen:
            by = self.by.name if self.by else None
            raise SomeoneWasFirst("The queue has changed since you looked.", by=by)

    def _moved(self, move: Move, at: datetime) -> Self:
        state = MOVES[self.state, move]
        return replace(self, state=state, version=self.version + 1, since=at)


@dataclass(frozen=True, slots=True)
class Seen:
    """The place a professional was looking at, as it was then."""

    appointment_id: str
    person_id: UUID
    version: int


def arriving(appointment_id: str, person: Person, at: datetime) -> Place:
    return Place(appointment_id, person, State.IDENTIFIED, version=1, since=at)


class Ahead(StrEnum):
    """How many wait before you, in bands: a head count is nobody's business."""

    NEXT = "next"
    FEW = "few"
    MANY = "many"


FEW_AT_MOST = 3


def band(before: int) -> Ahead:
    if before == 0:
        return Ahead.NEXT
    return Ahead.FEW if before <= FEW_AT_MOST else Ahead.MANY
