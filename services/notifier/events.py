"""What the notifier hears: everything that somebody who looks may want to know."""

from chassis.bus import Bus
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
)
from contract.identity import PatientIdentified
from contract.invitation import InvitationFailed
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
from services.notifier.flows import Notifier


def listen(bus: Bus, notifier: Notifier) -> None:
    for change in (AppointmentBooked, AppointmentRescheduled, AppointmentCancelled):
        bus.hears(change)(notifier.change)
    for event in (
        InvitationFailed,
        PatientIdentified,
        PatientWaiting,
        PatientLeft,
        PatientAdmitted,
        PatientRefused,
        PatientReturned,
        PatientAway,
        PatientBack,
        PatientSummoned,
        MessageSent,
        MessageRead,
        AppointmentDelayed,
        AppointmentMissed,
        AppointmentUnserved,
        CallStarted,
        CallEnded,
    ):
        bus.hears(event)(notifier.tell)
