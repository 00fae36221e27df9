"""Made-up people and bookings of theirs, a clock to wind, and keys for one run."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from contract.booking import AppointmentCancelled, AppointmentRescheduled
from contract.booking_full import AppointmentBookedInFull
from dev.persons import personal_code

TEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # ten o'clock in Finland
TODAY = date(2026, 11, 23)
HALF_HOUR = timedelta(minutes=30)
ADULT = personal_code(date(1961, 3, 14), 902)
GUARDIAN = personal_code(date(1985, 9, 5), 906)
CHILD_8 = personal_code(date(2018, 5, 1), 907)
STRANGER = personal_code(date(1970, 1, 1), 909)
_numbers = count(1)


class Clock:
    """Shows what the test says."""

    def __init__(self, at: datetime = TEN) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


def new_appointment() -> str:
    return f"a-{next(_numbers)}"


def envelope() -> dict[str, str]:
    return {"event_id": str(uuid4()), "source": "/test"}


def booked(
    appointment_id: str,
    sequence: int = 0,
    patient: str = ADULT,
    guardians: Sequence[str] = (),
    starts_at: datetime = TEN,
) -> AppointmentBookedInFull:
    told: dict[str, Any] = {
        **envelope(),
        "appointment_id": appointment_id,
        "sequence": sequence,
        "starts_at": starts_at,
        "ends_at": starts_at + HALF_HOUR,
        "unit": {
            "id": "unit-1",
            "name": {"sv": "Enhet", "fi": "Yksikkö", "en": "Unit"},
        },
        "service": "general",
        "patient": {
            "name": "Testi-Maija Testinen",
            "email": "testi.maija@example.com",
            "language": "fi",
            "national_id": patient,
        },
        "professional": {"id": "p-1", "name": "Testi-Lääkäri Testinen"},
        "guardians": [
            {"name": "Testi-Huoltaja Testinen", "national_id": each}
            for each in guardians
        ],
    }
    return AppointmentBookedInFull.model_validate(told)


def moved(
    appointment_id: str, sequence: int, starts_at: datetime
) -> AppointmentRescheduled:
    return AppointmentRescheduled(
        **envelope(),
        appointment_id=appointment_id,
        sequence=sequence,
        starts_at=starts_at,
        ends_at=starts_at + HALF_HOUR,
    )


def cancelled(appointment_id: str, sequence: int) -> AppointmentCancelled:
    return AppointmentCancelled(
        **envelope(), appointment_id=appointment_id, sequence=sequence
    )


@cache
def rsa_pem(_: str, bits: int = 2048) -> SecretStr:
    """One key for each name, made once a run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SecretStr(pem.decode())
