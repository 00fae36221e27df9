"""What staff do about the messages of their units, one transaction at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis.clock import Clock
from chassis.database import Database, Reader
from chassis.sending import OPEN
from chassis.sessions import StaffSession
from contract.invitation import Kind
from services.invitation import store
from services.invitation.domain import (
    AlreadyOnItsWay,
    Appointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    AppointmentUnknown,
    Delivery,
    Status,
)
from services.invitation.due import Wanted
from services.invitation.telling import Telling


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the messages about one appointment have come."""

    appointment: Appointment
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class Oversight:
    database: Database
    clock: Clock
    telling: Telling
    wake: Callable[[], None]  # the postman, once there is something to send

    async def send_again(self, appointment_id: str, by: StaffSession) -> Standing:
        """A professional asks for the patient's invitation to be written once more."""
        at = self.clock()
        async with self.database.writing() as tx:
            held = await store.hold(tx, appointment_id)
            appointment = _theirs(held, by)
            stored = await store.deliveries(tx, appointment_id)
            _may_be_sent_again(appointment, stored, at)
            wanted = Wanted(Kind.INVITATION, at)
            written = self.telling.written(appointment, wanted, at)
            again = replace(written, asked_by=by.sub)
            await self.telling.keep(tx, appointment, again)
        self.wake()
        return Standing(appointment, [*stored, again])

    async def standing(self, appointment_id: str, by: StaffSession) -> Standing:
        async with self.database.reading() as tx:
            appointment = await self._found(tx, appointment_id, by)
            deliveries = await store.deliveries(tx, appointment_id)
        return Standing(appointment, deliveries)

    async def shown(self, appointment_id: str, by: StaffSession) -> Appointment:
        """The appointment, to preview what is written about it."""
        async with self.database.reading() as tx:
            return await self._found(tx, appointment_id, by)

    async def _found(
        self, tx: Reader, appointment_id: str, by: StaffSession
    ) -> Appointment:
        return _theirs(await store.appointment(tx, appointment_id), by)


def _theirs(appointment: Appointment | None, by: StaffSession) -> Appointment:
    """The appointment, if it is of one of their units; to others it does not exist."""
    if appointment is None or not appointment.is_known:
        raise AppointmentUnknown("We do not know this appointment.")
    recipient, _ = appointment.known()
    if recipient.unit.id not in by.units:
        raise AppointmentUnknown("We do not know this appointment.")
    return appointment


def _may_be_sent_again(
    appointment: Appointment, deliveries: Sequence[Delivery], at: datetime
) -> None:
    if appointment.status is Status.CANCELLED:
        raise AppointmentIsCancelled("The appointment is cancelled.")
    if appointment.is_over(at):
        raise AppointmentIsOver("The appointment is over.")
    if any(each.state in OPEN and each.role is None for each in deliveries):
        raise AlreadyOnItsWay("An e-mail is on its way already.")
