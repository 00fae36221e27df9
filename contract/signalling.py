"""What signalling says."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, Field

from contract.slot import SlotEvent


class EndedBy(StrEnum):
    """Whose doing it was that the call ended."""

    PROFESSIONAL = "professional"
    PATIENT = "patient"
    GUARDIAN = "guardian"
    SILENCE = "silence"  # every connection was lost and none came back
    CANCELLATION = "cancellation"


class CallStarted(SlotEvent):
    """The professional and the patient's side are both in the call."""

    topic: ClassVar[str] = "call.started"

    at: AwareDatetime


class CallEnded(SlotEvent):
    """The call is over; `seconds` since it started."""

    topic: ClassVar[str] = "call.ended"

    at: AwareDatetime
    seconds: int | None = Field(default=None, ge=0)
    "Absent when the call never started."
    ended_by: EndedBy | None = None
