"""What identity listens to."""

from chassis.bus import Bus
from contract.booking import AppointmentCancelled, AppointmentRescheduled
from contract.booking_full import AppointmentBookedInFull
from contract.invitation import InvitationIssued
from services.identity.appointments import Appointments


def listen(bus: Bus, appointments: Appointments) -> None:
    @bus.hears(AppointmentBookedInFull)
    async def on_appointment_booked(said: AppointmentBookedInFull) -> None:
        await appointments.booked(said)

    @bus.hears(AppointmentRescheduled)
    async def on_appointment_rescheduled(said: AppointmentRescheduled) -> None:
        await appointments.changed(said)

    @bus.hears(AppointmentCancelled)
    async def on_appointment_cancelled(said: AppointmentCancelled) -> None:
        await appointments.changed(said)

    @bus.hears(InvitationIssued)
    async def on_invitation_issued(said: InvitationIssued) -> None:
        await appointments.invited(said)
