"""What staff do about the messages of their units, one transaction at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from pydantic import SecretStr

from chassis import audit
from chassis.audit import Line
from chassis.clock import Clock
from chassis.database import Database, Reader
from chassis.refusal import Refusal
from chassis.sending import OPEN
from chassis.sessions import StaffSession
from contract.invitation import Kind
from services.invitation import delivery_store, store
from services.invitation.domain import (
    AlreadyOnItsWay,
    Appointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    AppointmentUnknown,
    Delivery,
    NotAsked,
    RecipientUnknown,
    Status,
)
from services.invitation.due import Wanted
from services.invitation.telling import Telling
from services.invitation.words import HELSINKI

PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Reached:
    """One recipient, what they were sent, and why not once more, if not."""

    name: str
    seen: Appointment
    deliveries: Sequence[Delivery]
    why_not_again: Refusal | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the messages about one appointment have come."""

    appointment: Appointment
    deliveries: Sequence[Delivery]
    recipients: Sequence[Reached]


@dataclass(frozen=True, slots=True)
class Oversight:
    database: Database
    clock: Clock
    telling: Telling
    wake: Callable[[], None]  # the postman, once there is something to send

    async def send_again(
        self, appointment_id: str, name: str, by: StaffSession
    ) -> Standing:
        """A professional asks for an invitation to be written once more: the patient's,
        or the companion's of this name."""
        at = self.clock()
        async with self.database.writing() as tx:
            held = _theirs(await store.hold(tx, appointment_id), by)
            appointment = await self.telling.issued(tx, held, at)
            if appointment != held:
                await store.save(tx, appointment, at)
            stored = await delivery_store.deliveries(tx, appointment_id)
            reached = _named(self._reached(appointment, stored, at), name)
            if reached.why_not_again:
                raise reached.why_not_again
            wanted = Wanted(Kind.INVITATION, at)
            written = self.telling.written(reached.seen, wanted, at)
            again = replace(written, asked_by=by.sub)
            await self.telling.keep(tx, appointment, again)
            line = Line(at, "sent_again", by.sub, appointment_id=appointment_id)
            await audit.write(tx, replace(line, role=again.role))
        self.wake()
        return self._standing(appointment, [*stored, again], at)

    async def correct(
        self, appointment_id: str, email: SecretStr, by: StaffSession
    ) -> Standing:
        """A professional knows the patient's address better than the booking.

        The old link is withdrawn, and what is true is told at the new address.
        """
        at = self.clock()
        async with self.database.writing() as tx:
            held = _theirs(await store.hold(tx, appointment_id), by)
            _may_be_corrected(held, at)
            stored = await delivery_store.deliveries(tx, appointment_id)
            corrected = held.corrected_to(email)
            if corrected == held:
                return self._standing(held, stored, at)
            appointment = await self.telling.issued(tx, corrected, at)
            await store.save(tx, appointment, at)
            agreed = await self.telling.agree(tx, appointment, stored, stored, at)
            line = Line(at, "address_corrected", by.sub, appointment_id=appointment_id)
            await audit.write(tx, line)
        self.wake()
        return self._standing(appointment, agreed, at)

    async def standing(self, appointment_id: str, by: StaffSession) -> Standing:
        async with self.database.reading() as tx:
            appointment = await self._found(tx, appointment_id, by)
            deliveries = await delivery_store.deliveries(tx, appointment_id)
        return self._standing(appointment, deliveries, self.clock())

    async def day(self, on: date, by: StaffSession) -> Sequence[Standing]:
        """Their units' appointments that begin on this day in Finland."""
        at, begins, ends = (
            self.clock(),
            _midnight(on),
            _midnight(on + timedelta(days=1)),
        )
        async with self.database.reading() as tx:
            found = await store.of_day(tx, by.units, begins, ends)
            ids = [each.appointment_id for each in found]
            deliveries = await delivery_store.deliveries_of(tx, ids)
        return [
            self._standing(each, deliveries.get(each.appointment_id, ()), at)
            for each in found
        ]

    async def shown(self, appointment_id: str, by: StaffSession) -> Appointment:
        """The appointment, to preview what is written about it."""
        async with self.database.reading() as tx:
            return await self._found(tx, appointment_id, by)

    async def _found(
        self, tx: Reader, appointment_id: str, by: StaffSession
    ) -> Appointment:
        return _theirs(await store.appointment(tx, appointment_id), by)

    def _standing(
        self, appointment: Appointment, deliveries: Sequence[Delivery], at: datetime
    ) -> Standing:
        reached = list(self._reached(appointment, deliveries, at))
        return Standing(appointment, deliveries, reached)

    def _reached(
        self, appointment: Appointment, deliveries: Sequence[Delivery], at: datetime
    ) -> Iterator[Reached]:
        for seen in appointment.views():
            recipient, _ = seen.known()
            name = recipient.name if recipient.role else PATIENT
            theirs = self.telling.theirs(seen, deliveries)
            yield Reached(name, seen, theirs, _why_not(appointment, seen, theirs, at))


def _theirs(appointment: Appointment | None, by: StaffSession) -> Appointment:
    """The appointment, if it is of one of their units; to others it does not exist."""
    if appointment is None or not appointment.is_known:
        raise AppointmentUnknown("We do not know this appointment.")
    recipient, _ = appointment.known()
    if recipient.unit.id not in by.units:
        raise AppointmentUnknown("We do not know this appointment.")
    return appointment


def _named(reached: Iterator[Reached], name: str) -> Reached:
    for each in reached:
        if each.name == name:
            return each
    raise RecipientUnknown("Nobody of that name is asked to this appointment.")


def _may_be_corrected(appointment: Appointment, at: datetime) -> None:
    if appointment.status is Status.CANCELLED:
        raise AppointmentIsCancelled("The appointment is cancelled.")
    if appointment.is_over(at):
        raise AppointmentIsOver("The appointment is over.")


def _why_not(
    appointment: Appointment,
    seen: Appointment,
    theirs: Sequence[Delivery],
    at: datetime,
) -> Refusal | None:
    """Why the invitation is not sent once more. A reminder that is planned is no reason."""
    if appointment.status is Status.CANCELLED:
        return AppointmentIsCancelled("The appointment is cancelled.")
    if seen.status is Status.CANCELLED:
        return NotAsked("They are not asked to this appointment any more.")
    if appointment.is_over(at):
        return AppointmentIsOver("The appointment is over.")
    if any(each.state in OPEN and each.kind is not Kind.REMINDER for each in theirs):
        return AlreadyOnItsWay("An e-mail is on its way already.")
    return None


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(), HELSINKI).astimezone(UTC)
