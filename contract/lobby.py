"""What the lobby says."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contract.envelope import Id
from contract.slot import SlotEvent


class OfAPerson(SlotEvent):
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


class PatientAway(OfAPerson):
    """Someone who waits has put the device away; their place is kept."""

    topic: ClassVar[str] = "patient.away"

    unit_id: Id


class PatientBack(OfAPerson):
    """Someone who was away is at the page again."""

    topic: ClassVar[str] = "patient.back"

    unit_id: Id


class PatientSummoned(ByAProfessional):
    """The professional is ready and asks someone who is away to come."""

    topic: ClassVar[str] = "patient.summoned"

    until: AwareDatetime
    "The professional waits until then. The place is kept for longer."


class MessageSent(OfAPerson):
    """A professional has written to someone who came. What was written is not said."""

    topic: ClassVar[str] = "message.sent"

    message_id: UUID
    professional_id: Id
    code: str | None = Field(default=None, max_length=64)
    "Which ready-made sentence it is. Absent when the professional's own words were used."


class MessageRead(OfAPerson):
    """Whom the message was for has seen it."""

    topic: ClassVar[str] = "message.read"

    message_id: UUID
    "As in message.sent."


class AppointmentDelayed(SlotEvent):
    """The professional runs late by so many minutes; 0 is on time again."""

    topic: ClassVar[str] = "appointment.delayed"

    minutes: int = Field(ge=0, le=600)
    "From the appointment's start."
    inferred: bool = False
    "Nobody said so: the professional's call before this one still runs."


class AppointmentMissed(SlotEvent):
    """The time ended, and nobody had asked to join for the patient."""

    topic: ClassVar[str] = "appointment.missed"

    at: AwareDatetime


class AppointmentUnserved(SlotEvent):
    """The time ended, and whoever had asked to join for the patient was not let in."""

    topic: ClassVar[str] = "appointment.unserved"

    at: AwareDatetime
    waiting_since: AwareDatetime
    "When they first asked to join."
