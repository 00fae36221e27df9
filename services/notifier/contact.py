"""How a patient can be reached, and who of an appointment is where. Pure.

Kafka orders within one topic only: each place keeps the latest moment of each kind of
word, and asks which of them is the newest.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import SecretStr

from contract.appointment import Aspect
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    Change,
    Language,
    Timed,
)
from contract.identity import Role
from contract.lobby import AppointmentDelayed

WHOSE_TELEPHONE = frozenset({Role.PATIENT, Role.GUARDIAN})
# While it is only guessed, each text message must be worth its reading.
WORTH_TELLING = timedelta(minutes=10)


class Where(StrEnum):
    """Of what happened at one moment, the last of these holds."""

    AWAY = "away"  # they put the device away, and their place is kept
    GONE = "gone"
    HERE = "here"  # at the page


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known of reaching the patient of one appointment."""

    appointment_id: str
    phone: SecretStr | None = None
    language: Language | None = None
    agreed: bool = False
    chosen: bool | None = None
    ends_at: datetime | None = None
    cancelled: bool = False
    delay: int = 0  # minutes
    delayed_at: datetime | None = None
    told_delay: int = 0

    @property
    def agrees(self) -> bool:
        """To text messages. What the patient chose on the page counts."""
        return self.agreed if self.chosen is None else self.chosen

    @property
    def is_booked(self) -> bool:
        """The booking has been heard."""
        return self.language is not None

    @property
    def takes_texts(self) -> bool:
        return (
            self.agrees
            and not self.cancelled
            and self.phone is not None
            and self.is_booked
        )

    def after(self, change: Change, renewed: frozenset[Aspect]) -> Self:
        """With what is new in the booking system's word."""
        contact = self
        if isinstance(change, AppointmentBooked) and Aspect.DETAILS in renewed:
            patient = change.patient
            contact = replace(
                contact,
                phone=patient.phone,
                language=patient.language,
                agreed=patient.text_messages,
            )
        if isinstance(change, Timed) and Aspect.TIMES in renewed:
            contact = contact._at(change.ends_at)  # noqa: SLF001 - it is one of us
        if Aspect.STATUS in renewed:
            off = isinstance(change, AppointmentCancelled)
            contact = replace(contact, cancelled=off)
        return contact

    def _at(self, ends_at: datetime) -> Self:
        """A delay was one of the time before."""
        if self.ends_at in {None, ends_at}:
            return replace(self, ends_at=ends_at)
        return replace(self, ends_at=ends_at, delay=0, told_delay=0, delayed_at=None)

    def delayed(self, event: AppointmentDelayed, at: datetime) -> Self:
        """Itself when something later was heard."""
        said_at = event.time or at
        if self.delayed_at is not None and said_at < self.delayed_at:
            return self
        return replace(self, delay=event.minutes, delayed_at=said_at)

    def is_worth_telling(self, event: AppointmentDelayed) -> bool:
        """A professional's own word always is, unless the patient has it already."""
        if event.minutes != self.delay or self.delay == self.told_delay:
            return False
        grown = timedelta(minutes=self.delay - self.told_delay)
        begins_or_ends = 0 in {self.told_delay, self.delay}
        return not event.inferred or begins_or_ends or grown >= WORTH_TELLING

    def told(self) -> Self:
        return replace(self, told_delay=self.delay)


@dataclass(frozen=True, slots=True)
class Attendee:
    """One person of an appointment, by the latest of each that was heard."""

    appointment_id: str
    person_id: UUID
    role: Role | None = None
    here_at: datetime | None = None
    left_at: datetime | None = None
    away_at: datetime | None = None
    admitted_at: datetime | None = None

    @property
    def where(self) -> Where | None:
        """By the newest word of them; nothing when none was heard."""
        told = {
            Where.AWAY: self.away_at,
            Where.GONE: self.left_at,
            Where.HERE: self.here_at,
        }
        heard = [
            (at, rank, where) for rank, (where, at) in enumerate(told.items()) if at
        ]
        return max(heard)[2] if heard else None

    @property
    def is_away(self) -> bool:
        return self.where is Where.AWAY

    @property
    def is_admitted_while_away(self) -> bool:
        return self.is_away and (
            self.admitted_at is not None
            and self.away_at is not None
            and self.admitted_at > self.away_at
        )

    @property
    def has_the_telephone(self) -> bool:
        """The number of the booking is the patient's, or of who comes for a child."""
        return self.role in WHOSE_TELEPHONE

    def was_here(self, at: datetime) -> Self:
        return replace(self, here_at=_latest(self.here_at, at))

    def left(self, at: datetime) -> Self:
        return replace(self, left_at=_latest(self.left_at, at))

    def went_away(self, at: datetime) -> Self:
        return replace(self, away_at=_latest(self.away_at, at))

    def admitted(self, at: datetime) -> Self:
        return replace(self, admitted_at=_latest(self.admitted_at, at))


def _latest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)
