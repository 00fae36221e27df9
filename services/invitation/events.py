"""What the invitation service listens to."""

from chassis.bus import Bus
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
)
from contract.lobby import AppointmentDelayed, PatientWaiting
from contract.signalling import CallStarted
from services.invitation.flows import Invitations


def listen(bus: Bus, invitations: Invitations) -> None:
    @bus.hears(AppointmentBooked)
    async def on_appointment_booked(said: AppointmentBooked) -> None:
        await invitations.changed(said)

    @bus.hears(AppointmentRescheduled)
    async def on_appointment_rescheduled(said: AppointmentRescheduled) -> None:
        await invitations.changed(said)

    @bus.hears(AppointmentCancelled)
    async def on_appointment_cancelled(said: AppointmentCancelled) -> None:
        await invitations.changed(said)

    @bus.hears(AppointmentDelayed)
    async def on_appointment_delayed(said: AppointmentDelayed) -> None:
        await invitations.delayed(said)

    @bus.hears(PatientWaiting)
    async def on_patient_waiting(said: PatientWaiting) -> None:
        await invitations.arrived(said)

    @bus.hears(CallStarted)
    async def on_call_started(said: CallStarted) -> None:
        await invitations.started(said)
