"""What identity says."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contract.personal import Personal
from contract.slot import SlotEvent


class Role(StrEnum):
    """In what capacity someone attends."""

    PATIENT = "patient"
    GUARDIAN = "guardian"
    PROFESSIONAL = "professional"
    INTERPRETER = "interpreter"
    RELATIVE = "relative"
    VISITING_PROFESSIONAL = "visiting_professional"  # of another organisation


class PatientIdentified(SlotEvent):
    """The patient, or someone who may act for them, proved who they are.

    `person_id` is pairwise: it means nothing outside this appointment.
    """

    topic: ClassVar[str] = "patient.identified"

    person_id: UUID
    "Meaningless outside this appointment."
    role: Role
    name: Personal
    birth_year: int = Field(ge=1850, le=2200)
    method: str = Field(min_length=1, max_length=64)
    "How they identified, as the identity provider names it."
    at: AwareDatetime
