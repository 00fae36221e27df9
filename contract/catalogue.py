"""Every event there is: who says it, who hears it, and for how long Kafka keeps it.

Documents, topics and ACLs are made from this list; a test compares it with the services.
"""

from dataclasses import dataclass
from datetime import timedelta

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
    AppointmentUnserved,
    MessageRead,
    MessageSent,
    PatientAdmitted,
    PatientAway,
    PatientBack,
    PatientLeft,
    PatientRefused,
    PatientReturned,
    PatientSummoned,
    PatientWaiting,
)
from contract.signalling import CallEnded, CallStarted

BOOKING_SYSTEM = "booking-system"
SERVICES = ("invitation", "identity", "lobby", "notifier", "signalling")

# The longest weekend has four days, and one more to mend what broke on its first.
PERSONAL_KEPT = timedelta(days=5)
KEPT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Entry:
    speaker: str
    event: type[Event]
    hearers: tuple[str, ...]
    personal: bool = False  # short-lived, and read by the named hearers only

    @property
    def kept(self) -> timedelta:
        return PERSONAL_KEPT if self.personal else KEPT


CATALOGUE = (
    Entry(
        BOOKING_SYSTEM,
        AppointmentBookedInFull,
        ("invitation", "identity", "lobby", "notifier"),
        personal=True,
    ),
    Entry(
        BOOKING_SYSTEM,
        AppointmentRescheduled,
        ("invitation", "identity", "lobby", "notifier"),
    ),
    Entry(BOOKING_SYSTEM, AppointmentCancelled, SERVICES, personal=True),
    Entry("invitation", InvitationIssued, ("identity",)),
    Entry("invitation", InvitationSent, ("lobby", BOOKING_SYSTEM)),
    Entry("invitation", InvitationFailed, ("lobby", "notifier", BOOKING_SYSTEM)),
    Entry("identity", PatientIdentified, ("lobby", "notifier"), personal=True),
    Entry("lobby", PatientWaiting, ("invitation", "notifier")),
    Entry("lobby", PatientLeft, ("notifier",)),
    Entry("lobby", PatientAdmitted, ("notifier", "signalling")),
    Entry("lobby", PatientRefused, ("notifier",)),
    Entry("lobby", PatientReturned, ("notifier", "signalling")),
    Entry("lobby", PatientAway, ("notifier",)),
    Entry("lobby", PatientBack, ("notifier",)),
    Entry("lobby", PatientSummoned, ("notifier",)),
    Entry("lobby", MessageSent, ("notifier",)),
    Entry("lobby", MessageRead, ("notifier",)),
    Entry("lobby", AppointmentDelayed, ("invitation", "notifier", BOOKING_SYSTEM)),
    Entry("lobby", AppointmentMissed, ("notifier", BOOKING_SYSTEM)),
    Entry("lobby", AppointmentUnserved, ("notifier", BOOKING_SYSTEM)),
    Entry("signalling", CallStarted, ("invitation", "lobby", "notifier")),
    Entry("signalling", CallEnded, ("lobby", "notifier", BOOKING_SYSTEM)),
)


def parked(service: str) -> str:
    """The dead-letter topic of a service.

    Nobody knows what lies among the unreadable, so it is treated as personal.
    """
    return f"parked.{service}"


def kept() -> dict[str, timedelta]:
    """Every topic of the suite, dead letters included, and how long it keeps a message."""
    said = {entry.event.topic: entry.kept for entry in CATALOGUE}
    return said | {parked(service): PERSONAL_KEPT for service in SERVICES}


def topics() -> tuple[str, ...]:
    return tuple(kept())
