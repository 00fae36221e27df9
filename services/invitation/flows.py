"""What the invitation service does, one transaction at a time. Read this page first.

An e-mail is claimed, handed to the mail server and settled: two transactions and none
between them. The postman does the middle part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database, Reader, Writer
from chassis.outbox import Outbox
from chassis.outcome import Outcome
from chassis.sessions import StaffSession
from contract.booking import Change
from contract.invitation import (
    InvitationFailed,
    InvitationIssued,
    InvitationSent,
    Kind,
)
from services.invitation import store
from services.invitation.domain import (
    OPEN,
    AlreadyOnItsWay,
    Appointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    AppointmentUnknown,
    Delivery,
    Issued,
    State,
    Status,
    due,
    revised,
)
from services.invitation.link import Links
from services.invitation.metrics import DELIVERIES, LATE

LEASE = timedelta(seconds=90)  # longer than handing one e-mail over may take


@dataclass(frozen=True, slots=True)
class Claimed:
    """An e-mail that is ours to send, and what it is to say."""

    appointment: Appointment
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the messages about one appointment have come."""

    appointment: Appointment
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class Invitations:
    database: Database
    outbox: Outbox
    clock: Clock
    links: Links
    link_lifetime: timedelta
    try_for: timedelta
    keep: timedelta
    new_id: Callable[[], UUID]
    chance: Callable[[], float]
    wake: Callable[[], None]  # the postman, once there is something to send

    async def changed(self, said: Change) -> None:
        """An appointment was booked, moved or cancelled: the patient is to hear of it."""
        at = self.clock()
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            held = await store.hold_or_make(tx, said.appointment_id, at)
            appointment = await self._issued(tx, held.after(said), at)
            await store.save(tx, appointment, at)
            stored = await store.deliveries(tx, said.appointment_id)
            await self._agree(tx, appointment, stored, stored, at)
        self.wake()

    async def claim(self) -> Claimed | None:
        """The next e-mail to send, ours until the lease ends; or nothing is due."""
        at = self.clock()
        async with self.database.writing() as tx:
            appointment = await store.hold_next_due(tx, at)
            if appointment is None:
                return None
            stored = await store.deliveries(tx, appointment.appointment_id)
            returned = [each.given_back(at) for each in stored]
            agreed = await self._agree(tx, appointment, stored, returned, at)
            waiting = [
                each
                for each in agreed
                if each.state is State.QUEUED and each.due_at <= at
            ]
            if not waiting:  # it became untrue, or too late; others may wait
                self.wake()
                return None
            claimed = waiting[0].claimed(self.new_id(), at + LEASE)
            await store.put(tx, appointment.appointment_id, claimed)
        return Claimed(self._seen_by(appointment, claimed), claimed)

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Delivery | None:
        """What became of the e-mail; nothing when the lease had passed to another."""
        at, appointment_id = self.clock(), claimed.appointment.appointment_id
        async with self.database.writing() as tx:
            appointment = await store.hold(tx, appointment_id)
            stored = await store.deliveries(tx, appointment_id)
            mine = _leased(stored, claimed.delivery)
            if appointment is None or mine is None:
                return None
            settled = mine.settled(outcome, at, self.chance())
            after = [settled if each is mine else each for each in stored]
            agreed = await self._agree(tx, appointment, stored, after, at)
        if len(agreed) > len(stored):  # there is more to tell than was known before
            self.wake()
        return next(each for each in agreed if each.delivery_id == settled.delivery_id)

    async def send_again(self, appointment_id: str, by: StaffSession) -> Standing:
        """A professional asks for the patient's invitation to be written once more."""
        at = self.clock()
        async with self.database.writing() as tx:
            held = await store.hold(tx, appointment_id)
            appointment = _theirs(held, by)
            stored = await store.deliveries(tx, appointment_id)
            _may_be_sent_again(appointment, stored, at)
            again = replace(
                self._written(appointment, Kind.INVITATION, at), asked_by=by.sub
            )
            await self._keep(tx, appointment, again)
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

    async def forget(self) -> int:
        """Drop whom nothing more will be written to, address and all."""
        async with self.database.writing() as tx:
            return await store.forget(tx, self.clock() - self.keep)

    async def measure(self) -> None:
        async with self.database.reading() as tx:
            written = await store.longest_waiting(tx)
        late = self.clock() - written if written else timedelta()
        LATE.set(late.total_seconds())

    async def _issued(
        self, tx: Writer, appointment: Appointment, at: datetime
    ) -> Appointment:
        """Say which links open this appointment, and until when, if that is news."""
        if not appointment.is_known:
            return appointment
        companions = []
        for each in appointment.companions:
            say = self._issue if each.asked else self._withdraw
            issued = await say(tx, appointment.seen_by(each), at)
            companions.append(replace(each, issued=issued))
        issued = await self._issue(tx, appointment, at)
        return replace(appointment, issued=issued, companions=tuple(companions))

    async def _issue(
        self, tx: Writer, seen: Appointment, at: datetime
    ) -> Issued | None:
        if seen.status is Status.CANCELLED or seen.is_over(at):
            return seen.issued
        _, times = seen.known()
        issued = Issued(self._digest(seen), times.ends_at + self.link_lifetime)
        if issued != seen.issued:
            await self._say_issued(tx, seen, issued)
        return issued

    async def _withdraw(
        self, tx: Writer, seen: Appointment, at: datetime
    ) -> Issued | None:
        """A companion is asked no longer: the link opens nothing from now on."""
        if seen.issued is None or seen.issued.until <= at:
            return seen.issued
        withdrawn = replace(seen.issued, until=at)
        await self._say_issued(tx, seen, withdrawn)
        return withdrawn

    async def _say_issued(self, tx: Writer, seen: Appointment, issued: Issued) -> None:
        recipient, _ = seen.known()
        said = InvitationIssued(
            appointment_id=seen.appointment_id,
            link_digest=issued.digest,
            expires_at=issued.until,
            role=recipient.role,
        )
        await self.outbox.record(tx, said)

    async def _agree(
        self,
        tx: Writer,
        appointment: Appointment,
        stored: Sequence[Delivery],
        current: Sequence[Delivery],
        at: datetime,
    ) -> Sequence[Delivery]:
        """Make what is on its way agree with what is true; keep what differs."""
        if not appointment.is_known:
            return current
        agreed: list[Delivery] = []
        for seen in appointment.views():
            theirs = [each for each in current if self._is_to(seen, each)]
            agreed += self._agreed(seen, theirs, at)
        for each in agreed:
            if each not in stored:
                await self._keep(tx, appointment, each)
        return agreed

    def _agreed(
        self, seen: Appointment, deliveries: Sequence[Delivery], at: datetime
    ) -> Sequence[Delivery]:
        """What one recipient is told, and is to be told."""
        agreed = list(revised(seen, deliveries, self.try_for, at))
        kind = due(seen, agreed, self._digest(seen), at)
        return agreed if kind is None else [*agreed, self._written(seen, kind, at)]

    def _is_to(self, seen: Appointment, delivery: Delivery) -> bool:
        """Whether the delivery is to who sees this. A patient's address may change."""
        recipient, _ = seen.known()
        if recipient.role is None or delivery.role is None:
            return recipient.role == delivery.role
        return delivery.link_digest == self._digest(seen)

    def _seen_by(self, appointment: Appointment, delivery: Delivery) -> Appointment:
        return next(seen for seen in appointment.views() if self._is_to(seen, delivery))

    def _written(self, appointment: Appointment, kind: Kind, at: datetime) -> Delivery:
        recipient, _ = appointment.known()
        return Delivery(
            delivery_id=self.new_id(),
            kind=kind,
            revision=appointment.revision,
            link_digest=self._digest(appointment),
            created_at=at,
            due_at=at,
            role=recipient.role,
        )

    def _digest(self, appointment: Appointment) -> str:
        recipient, _ = appointment.known()
        return self.links.digest(
            appointment.appointment_id, recipient.email, recipient.role
        )

    async def _keep(
        self, tx: Writer, appointment: Appointment, delivery: Delivery
    ) -> None:
        appointment_id, kind = appointment.appointment_id, delivery.kind
        await store.put(tx, appointment_id, delivery)
        DELIVERIES.labels(kind, delivery.state).inc()
        if delivery.state is State.ACCEPTED:
            sent = InvitationSent(
                appointment_id=appointment_id, kind=kind, role=delivery.role
            )
            await self.outbox.record(tx, sent)
        if delivery.state is State.FAILED:
            failed = InvitationFailed(
                appointment_id=appointment_id,
                kind=kind,
                reason=delivery.reason,
                role=delivery.role,
            )
            await self.outbox.record(tx, failed)

    async def _found(
        self, tx: Reader, appointment_id: str, by: StaffSession
    ) -> Appointment:
        return _theirs(await store.appointment(tx, appointment_id), by)


def _leased(stored: Sequence[Delivery], claimed: Delivery) -> Delivery | None:
    return next((each for each in stored if each.lease == claimed.lease), None)


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
