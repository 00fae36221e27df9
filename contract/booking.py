"""What a healthcare unit's booking system says.

These shapes have no personal identity code in them, so a service that parses with them
has dropped it before anything is stored or logged. Identity alone uses `booking_full`.
`sequence` grows with every change of an appointment, as in iCalendar (RFC 5545, 3.8.7.4).
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from contract.envelope import Event, Id, Said
from contract.personal import ONE_LINE, Personal, PersonalText

Sequence = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
PhoneNumber = Annotated[str, Field(max_length=40, pattern=ONE_LINE)]
Page = Annotated[str, Field(pattern=r"^https://[^\s<>]{1,290}$")]


class Language(StrEnum):
    """The language that the patient is written to in."""

    SWEDISH = "sv"
    FINNISH = "fi"
    ENGLISH = "en"


class Service(StrEnum):
    """What the appointment is for, as coarsely as the pages need it."""

    GENERAL = "general"
    ORAL_HEALTH = "oral_health"
    OTHER = "other"


class Texts(Said):
    """The same words in each language."""

    sv: Name
    fi: Name
    en: Name


class Unit(Said):
    """A healthcare unit."""

    id: Id
    name: Texts
    phone: PhoneNumber | None = None
    "Where patients call about their appointments, as it is written for people."
    url: Page | None = None
    "A page about the unit and how to reach it."


class Professional(Said):
    """The healthcare professional whom the patient meets."""

    id: Id
    "As the staff's identity provider names them."
    name: Name


class Patient(Said):
    """Whom the appointment is for."""

    name: Personal
    email: Personal
    phone: Personal | None = None
    "International form, as +358401234567."
    language: Language
    text_messages: bool = False
    "The patient has agreed to be sent text messages."


class Guardian(Said):
    """Who may attend with, or for, a child below the age limit."""

    name: Personal
    email: Personal | None = None


CompanionRole = Literal["interpreter", "relative", "professional"]


class Companion(Said):
    """Someone else who is asked to the call. Each is sent a link of their own."""

    name: Personal
    email: Personal
    role: CompanionRole
    "A `professional` is one of another organisation."
    language: Language | None = None
    "The language that they are written to in; the patient's unless said."


class Change(Event):
    """A booking system's word about one appointment."""

    sequence: Sequence
    """Grows with every change of the appointment. A change counts only when its sequence
    is higher than the highest heard, in whatever order the topics are read."""


class Timed(Change):
    starts_at: AwareDatetime
    "The patient can ask to join from this moment on."
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

    reason: PersonalText | None = None
    "In the booking system's own words. Shown to nobody."
