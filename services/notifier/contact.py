"""How the patient of an appointment can be reached. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from pydantic import SecretStr

from contract.appointment import Aspect
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    Change,
    Language,
    Timed,
)


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
            contact = replace(contact, ends_at=change.ends_at)
        if Aspect.STATUS in renewed:
            off = isinstance(change, AppointmentCancelled)
            contact = replace(contact, cancelled=off)
        return contact
