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
from chassis.database import Database, Writer
from chassis.outcome import Outcome
from chassis.sending import State
from contract.booking import Change
from contract.envelope import Event
from contract.lobby import AppointmentDelayed, PatientWaiting
from contract.signalling import CallStarted
from services.invitation import delivery_store, store
from services.invitation.domain import Appointment, Delivery, Progress
from services.invitation.metrics import LATE, WAITING, WAITING_AT_ONE
from services.invitation.telling import Telling

LEASE = timedelta(seconds=90)  # longer than handing one e-mail over may take


@dataclass(frozen=True, slots=True)
class Claimed:
    """An e-mail that is ours to send, and what it is to say."""

    appointment: Appointment
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Invitations:
    database: Database
    clock: Clock
    telling: Telling
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
            appointment = await self.telling.issued(tx, held.after(said), at)
            await store.save(tx, appointment, at)
            stored = await delivery_store.deliveries(tx, said.appointment_id)
            await self.telling.agree(tx, appointment, stored, stored, at)
        self.wake()

    async def delayed(self, said: AppointmentDelayed) -> None:
        """The professional runs late, or does no longer."""
        await self._went_on(said, lambda now: replace(now, delay=said.minutes))

    async def arrived(self, said: PatientWaiting) -> None:
        """Somebody of the appointment has come and sees how things stand."""
        person = said.person_id
        await self._went_on(
            said, lambda now: replace(now, arrived=now.arrived | {person})
        )

    async def started(self, said: CallStarted) -> None:
        await self._went_on(said, lambda now: replace(now, started=True))

    async def _went_on(
        self, said: Event, progressed: Callable[[Progress], Progress]
    ) -> None:
        at = self.clock()
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            held = await store.hold_or_make(tx, said.appointment_id, at)
            appointment = replace(held, progress=progressed(held.progress))
            await store.save(tx, appointment, at)
            stored = await delivery_store.deliveries(tx, said.appointment_id)
            agreed = await self.telling.agree(tx, appointment, stored, stored, at)
        if len(agreed) > len(stored):
            self.wake()

    async def claim(
        self, most: int = 1, but_to: Sequence[str] = ()
    ) -> Sequence[Claimed]:
        """The next e-mails to send, ours until the lease ends; nothing when none is due.

        Nothing to these domains.
        """
        at = self.clock()
        async with self.database.writing() as tx:
            held = await store.hold_due(tx, at, most, but_to)
            found = [await self._claim(tx, each, but_to, at) for each in held]
        claimed = [each for each in found if each is not None]
        if held and not claimed:  # they became untrue, or too late; others may wait
            self.wake()
        return claimed

    async def _claim(
        self, tx: Writer, appointment: Appointment, but_to: Sequence[str], at: datetime
    ) -> Claimed | None:
        stored = await delivery_store.deliveries(tx, appointment.appointment_id)
        returned = [each.given_back(at) for each in stored]
        agreed = await self.telling.agree(tx, appointment, stored, returned, at)
        waiting = [
            each
            for each in agreed
            if each.state is State.QUEUED
            and each.due_at <= at
            and each.domain not in but_to
        ]
        if not waiting:
            return None
        claimed = waiting[0].claimed(self.new_id(), at + LEASE)
        await delivery_store.put(tx, appointment.appointment_id, claimed)
        return Claimed(self.telling.seen_by(appointment, claimed), claimed)

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Delivery | None:
        """What became of the e-mail; nothing when the lease had passed to another."""
        at, appointment_id = self.clock(), claimed.appointment.appointment_id
        async with self.database.writing() as tx:
            appointment = await store.hold(tx, appointment_id)
            stored = await delivery_store.deliveries(tx, appointment_id)
            mine = _leased(stored, claimed.delivery)
            if appointment is None or mine is None:
                return None
            settled = mine.settled(outcome, at, self.chance())
            after = [settled if each is mine else each for each in stored]
            agreed = await self.telling.agree(tx, appointment, stored, after, at)
        if len(agreed) > len(stored):  # there is more to tell than was known before
            self.wake()
        return next(each for each in agreed if each.delivery_id == settled.delivery_id)

    async def forget(self) -> int:
        """Drop whom nothing more will be written to, address and all."""
        async with self.database.writing() as tx:
            return await store.forget(tx, self.clock() - self.keep)

    async def measure(self) -> None:
        at = self.clock()
        async with self.database.reading() as tx:
            wanted = await delivery_store.longest_waiting(tx, at)
            whole, most = await delivery_store.waiting(tx, at)
        WAITING.set(whole)
        WAITING_AT_ONE.set(most)
        late = at - wanted if wanted else timedelta()
        LATE.set(late.total_seconds())


def _leased(stored: Sequence[Delivery], claimed: Delivery) -> Delivery | None:
    return next((each for each in stored if each.lease == claimed.lease), None)
