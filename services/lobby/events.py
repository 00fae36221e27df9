"""What the lobby listens to."""

from chassis.bus import Bus
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
)
from contract.identity import PatientIdentified
from contract.invitation import InvitationFailed, InvitationSent
from contract.signalling import CallEnded, CallStarted
from services.lobby.flows import Lobby


def listen(bus: Bus, lobby: Lobby) -> None:
    @bus.hears(AppointmentBooked)
    async def on_appointment_booked(said: AppointmentBooked) -> None:
        await lobby.changed(said)

    @bus.hears(AppointmentRescheduled)
    async def on_appointment_rescheduled(said: AppointmentRescheduled) -> None:
        await lobby.changed(said)

    @bus.hears(AppointmentCancelled)
    async def on_appointment_cancelled(said: AppointmentCancelled) -> None:
        await lobby.changed(said)

    @bus.hears(PatientIdentified)
    async def on_patient_identified(said: PatientIdentified) -> None:
        await lobby.welcomed(said)

    @bus.hears(InvitationFailed)
    async def on_invitation_failed(said: InvitationFailed) -> None:
        await lobby.invitation_failed(said)

    @bus.hears(InvitationSent)
    async def on_invitation_sent(said: InvitationSent) -> None:
        await lobby.invitation_sent(said)

    @bus.hears(CallStarted)
    async def on_call_started(said: CallStarted) -> None:
        await lobby.call_started(said)

    @bus.hears(CallEnded)
    async def on_call_ended(said: CallEnded) -> None:
        await lobby.call_ended(said)
