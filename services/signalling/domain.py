"""Who may be in a call, and what starts and ends it. Pure: it decides and does nothing.

The lobby's word is the truth about who may be in; a cancelled appointment stays off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chassis.refusal import Refusal
from contract.identity import Role
from contract.signalling import EndedBy


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
    """Whether they give way when both offer at once (perfect negotiation)."""
    return role is not Role.PROFESSIONAL


FOR_THE_PATIENT = frozenset({Role.PATIENT, Role.GUARDIAN})


def are_together(roles: Iterable[Role]) -> bool:
    """Both sides are in: this is what makes a call of a room."""
    present = frozenset(roles)
    return Role.PROFESSIONAL in present and bool(present & FOR_THE_PATIENT)


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


@dataclass(frozen=True, slots=True)
class Call:
    """The latest call of an appointment; without a start when it was ended before one."""

    started_at: datetime | None
    ended_at: datetime | None
    ended_by: EndedBy | None

    @property
    def seconds(self) -> int | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0, round((self.ended_at - self.started_at).total_seconds()))

    @property
    def open_since(self) -> datetime | None:
        return self.started_at if self.ended_at is None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is written about an appointment."""

    cancelled: bool
    admissions: Mapping[str, Admission]
    call: Call | None

    def admitted_since(self, person: Person, word: datetime | None) -> datetime | None:
        """Since when they may be in; nothing while we have not heard that they may.

        `word` is when the lobby let them in by what they themselves can show.
        Raises `AppointmentCancelled` and `CallOver`.
        """
        if self.cancelled:
            raise AppointmentCancelled("The appointment is cancelled.")
        since = self._latest(person, word)
        if since is not None and self._is_over(since):
            raise CallOver("The call has ended.")
        return since

    def _latest(self, person: Person, word: datetime | None) -> datetime | None:
        said = self.admissions.get(person.member)
        if said is None or said.side is not side(person.role):
            return word
        if word is not None and word > said.at:
            return word
        return said.at if said.admitted else None

    def _is_over(self, since: datetime) -> bool:
        ended_at = self.call.ended_at if self.call else None
        return ended_at is not None and ended_at >= since


@dataclass(frozen=True, slots=True)
class Started:
    """Both sides of an appointment were in at this time."""

    appointment_id: str
    at: datetime


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
