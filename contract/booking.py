"""What a healthcare unit's booking system says.

These shapes have no personal identity code in them, so a service that parses with them
has dropped it before anything is stored or logged. Identity alone uses `booking_full`.
`sequence` grows with every change of an appointment, as in iCalendar (RFC 5545, 3.8.7.4).
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from contract.envelope import Event, Said
from contract.personal import Personal

Sequence = Annotated[int, Field(ge=0)]


class Language(StrEnum):
    SWEDISH = "sv"
    FINNISH = "fi"
    ENGLISH = "en"


class Service(StrEnum):
    GENERAL = "general"
    ORAL_HEALTH = "oral_health"
    OTHER = "other"


class Texts(Said):
    """The same words in each language."""

    sv: str = Field(min_length=1, max_length=200)
    fi: str = Field(min_length=1, max_length=200)
    en: str = Field(min_length=1, max_length=200)


class Unit(Said):
    """A healthcare unit."""

    id: str = Field(min_length=1, max_length=64)
    name: Texts


class Professional(Said):
    id: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=200)


class Patient(Said):
    name: Personal
    email: Personal
    phone: Personal | None = None
    language: Language


class Guardian(Said):
    name: Personal
    email: Personal | None = None


class Companion(Said):
    name: Personal
    email: Personal
    role: Literal["interpreter", "relative", "professional"]


class Change(Event):
    """A booking system's word about one appointment."""

    sequence: Sequence


class Timed(Change):
    starts_at: AwareDatetime
    ends_at: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        return self


class AppointmentBooked(Timed):
    """A patient has a time."""

    topic: ClassVar[str] = "appointment.booked"

    unit: Unit
    service: Service
    patient: Patient
    professional: Professional
    guardians: tuple[Guardian, ...] = ()
    companions: tuple[Companion, ...] = ()


class AppointmentRescheduled(Timed):
    """The time has moved."""

    topic: ClassVar[str] = "appointment.rescheduled"


class AppointmentCancelled(Change):
    """The time is off."""

    topic: ClassVar[str] = "appointment.cancelled"

    reason: Personal | None = None
