"""What a professional writes to someone who came. Pure: no clock, no database."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import SecretStr

from contract.booking import Professional

LONGEST = 500  # letters
FREE_TEXT_KEPT = timedelta(days=1)  # after the visit's end


class Canned(StrEnum):
    """A ready-made sentence; the pages have it in each language as `message.<code>`."""

    SOON = "soon"
    STAY = "stay"
    DEVICE = "device"
    PHONE = "phone"
    RESCHEDULE = "reschedule"


@dataclass(frozen=True, slots=True)
class Message:
    """To one person of one appointment: a ready-made sentence, or `text` of one's own."""

    message_id: UUID
    appointment_id: str
    person_id: UUID
    at: datetime
    by: Professional
    code: Canned | None = None
    text: SecretStr | None = None
    read_at: datetime | None = None

    def read(self, at: datetime) -> Self:
        """Reading again changes nothing."""
        return self if self.read_at else replace(self, read_at=at)
