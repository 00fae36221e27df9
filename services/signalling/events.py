"""What signalling listens to."""

from chassis.bus import Bus
from contract.booking import AppointmentCancelled
from contract.lobby import PatientAdmitted, PatientReturned
from services.signalling.flows import Signalling


def listen(bus: Bus, signalling: Signalling) -> None:
    bus.hears(PatientAdmitted)(signalling.admit)
    bus.hears(PatientReturned)(signalling.take_back)
    bus.hears(AppointmentCancelled)(signalling.cancel)
