"""Events as their speakers say them, each with an id of its own."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Language,
    Patient,
    Professional,
    Service,
    Texts,
    Unit,
)
from contract.identity import PatientIdentified, Role
from contract.lobby import (
    AppointmentDelayed,
    PatientAdmitted,
    PatientRefused,
    PatientWaiting,
)
from tests.chassis.conftest import NINE

HOUR = timedelta(hours=1)
PATIENT = UUID(int=1)
GUARDIAN = UUID(int=2)
NAME = "Testi-Tuovi Testinen"
EMAIL = "testi.tuovi@example.fi"


def booked(
    appointment: str = "a-1", unit: str = "u1", sequence: int = 0
) -> AppointmentBooked:
    name = Texts(sv="Testi", fi="Testi", en="Testi")
    return AppointmentBooked(
        source="/booking-system",
        appointment_id=appointment,
        sequence=sequence,
        unit=Unit(id=unit, name=name),
        service=Service.GENERAL,
        starts_at=NINE,
        ends_at=NINE + HOUR,
        patient=Patient(
            name=SecretStr(NAME), email=SecretStr(EMAIL), language=Language.FINNISH
        ),
        professional=Professional(id="p1", name="Testi Hoitaja"),
    )


def moved(appointment: str = "a-1", sequence: int = 1) -> AppointmentRescheduled:
    return AppointmentRescheduled(
        source="/booking-system",
        appointment_id=appointment,
        sequence=sequence,
        starts_at=NINE + HOUR,
        ends_at=NINE + 2 * HOUR,
    )


def cancelled(appointment: str = "a-1", sequence: int = 2) -> AppointmentCancelled:
    return AppointmentCancelled(
        source="/booking-system",
        appointment_id=appointment,
        sequence=sequence,
        reason=SecretStr(f"{NAME} is ill"),
    )


def identified(appointment: str = "a-1", person: UUID = PATIENT) -> PatientIdentified:
    return PatientIdentified(
        source="/identity",
        appointment_id=appointment,
        person_id=person,
        role=Role.PATIENT,
        name=SecretStr(NAME),
        birth_year=1980,
        method="mobile",
        at=NINE,
    )


def waiting(appointment: str = "a-1", person: UUID = PATIENT) -> PatientWaiting:
    return PatientWaiting(
        source="/lobby",
        appointment_id=appointment,
        person_id=person,
        unit_id="u1",
        at=NINE,
    )


def admitted(appointment: str = "a-1", person: UUID = PATIENT) -> PatientAdmitted:
    return PatientAdmitted(
        source="/lobby",
        appointment_id=appointment,
        person_id=person,
        professional_id="p1",
        at=NINE,
    )


def refused(reason: str | None, appointment: str = "a-1") -> PatientRefused:
    return PatientRefused(
        source="/lobby",
        appointment_id=appointment,
        person_id=PATIENT,
        professional_id="p1",
        reason=reason,
        at=NINE,
    )


def delayed(minutes: int, appointment: str = "a-1") -> AppointmentDelayed:
    return AppointmentDelayed(
        source="/lobby", appointment_id=appointment, minutes=minutes
    )


def topics(notices: list[dict[str, Any]]) -> list[str]:
    return [each["topic"] for each in notices]
