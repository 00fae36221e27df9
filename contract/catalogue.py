"""Every event there is: who says it, and what stands in its golden sample."""

from dataclasses import dataclass

from contract.booking import (
    AppointmentCancelled,
    AppointmentRescheduled,
)
from contract.booking_full import AppointmentBookedInFull
from contract.envelope import Event
from contract.identity import PatientIdentified
from contract.invitation import InvitationFailed, InvitationIssued, InvitationSent
from contract.lobby import (
    AppointmentDelayed,
    AppointmentMissed,
    PatientAdmitted,
    PatientLeft,
    PatientRefused,
    PatientReturned,
    PatientWaiting,
)
from contract.signalling import CallEnded, CallStarted

BOOKING_SYSTEM = "booking-system"
SERVICES = ("invitation", "identity", "lobby", "notifier", "signalling")


@dataclass(frozen=True, slots=True)
class Entry:
    speaker: str
    event: type[Event]
    personal: bool = (
        False  # kept for days and not weeks, and read by named services only
    )


CATALOGUE = (
    Entry(BOOKING_SYSTEM, AppointmentBookedInFull, personal=True),
    Entry(BOOKING_SYSTEM, AppointmentRescheduled),
    Entry(BOOKING_SYSTEM, AppointmentCancelled, personal=True),
    Entry("invitation", InvitationIssued),
    Entry("invitation", InvitationSent),
    Entry("invitation", InvitationFailed),
    Entry("identity", PatientIdentified, personal=True),
    Entry("lobby", PatientWaiting),
    Entry("lobby", PatientLeft),
    Entry("lobby", PatientAdmitted),
    Entry("lobby", PatientRefused),
    Entry("lobby", PatientReturned),
    Entry("lobby", AppointmentDelayed),
    Entry("lobby", AppointmentMissed),
    Entry("signalling", CallStarted),
    Entry("signalling", CallEnded),
)


def parked(service: str) -> str:
    """The dead-letter topic of a service."""
    return f"parked.{service}"


def topics() -> tuple[str, ...]:
    """Every topic of the suite, dead letters included."""
    said = tuple(entry.event.topic for entry in CATALOGUE)
    return (*said, *(parked(service) for service in SERVICES))
