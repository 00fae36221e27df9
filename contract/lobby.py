"""What the lobby says."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contract.envelope import Event, Id


class OfAPerson(Event):
    """Something about one person's place in the lobby."""

    person_id: UUID
    "As in patient.identified."
    at: AwareDatetime


class PatientWaiting(OfAPerson):
    """Someone asked to join and waits."""

    topic: ClassVar[str] = "patient.waiting"

    unit_id: Id


class PatientLeft(OfAPerson):
    """Someone gave up waiting, or left the call."""

    topic: ClassVar[str] = "patient.left"

    unit_id: Id


class ByAProfessional(OfAPerson):
    """Something that a professional decided about a place."""

    professional_id: Id
    reason: str | None = Field(default=None, max_length=64)
    "A code that the pages have words for."


class PatientAdmitted(ByAProfessional):
    """A professional opened the door."""

    topic: ClassVar[str] = "patient.admitted"


class PatientRefused(ByAProfessional):
    """A professional declined; the reason is a code that the pages have words for."""

    topic: ClassVar[str] = "patient.refused"


class PatientReturned(ByAProfessional):
    """A professional sent someone from the call back to wait."""

    topic: ClassVar[str] = "patient.returned"


class AppointmentDelayed(Event):
    """The professional runs late by so many minutes."""

    topic: ClassVar[str] = "appointment.delayed"

    minutes: int = Field(ge=0, le=600)


class AppointmentMissed(Event):
    """The time ended and nobody had been admitted."""

    topic: ClassVar[str] = "appointment.missed"

    at: AwareDatetime
