"""What the invitation service does, one transaction at a time. Read this page first.

An e-mail is claimed, handed to the mail server and settled: two transactions and none
between them. The postman does the middle part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.logs import Log, log, trouble
from chassis.outcome import Cause, NotNow, Outcome, word
from chassis.refusal import Unavailable
from chassis.sending import State
from chassis.smtp import ANSWER_SECONDS
from contract.booking import Change
from contract.lobby import AppointmentDelayed, PatientWaiting
from contract.signalling import CallStarted
from contract.slot import SlotEvent
from services.invitation import delivery_store, store
from services.invitation.domain import Appointment, Delivery, Progress
from services.invitation.metrics import LATE, TRIES, WAITING, WAITING_AT_ONE
from services.invitation.telling import Telling

LEASE = timedelta(seconds=90)  # longer than handing one e-mail over may take
LOOKS = 5  # for something to send, before others have a turn
# What the mail server may take to say go on, and to say that it has the message.
LETTING_GO = 2 * timedelta(seconds=ANSWER_SECONDS)


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
    log: Log = field(default_factory=lambda: log("invitation"))

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
        self, said: SlotEvent, progressed: Callable[[Progress], Progress]
    ) -> None:
        at = self.clock()
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            held = await store.hold_or_make(tx, said.appointment_id, at)
            appointment = held.went_on(said.slot, progressed)
            await store.save(tx, appointment, at)
            stored = await delivery_store.deliveries(tx, said.appointment_id)
            agreed = await self.telling.agree(tx, appointment, stored, stored, at)
        if len(agreed) > len(stored):
            self.wake()

    async def claim(
        self, most: int = 1, but_to: Sequence[str] = ()
    ) -> Sequence[Claimed]:
        """The next e-mails to send, ours until the lease ends; nothing when none is due.

        Nothing to these domains. What cannot be judged is set aside, and the others go.
        """
        at = self.clock()
        try:
            for _ in range(LOOKS):
                held, found = await self._claim_together(at, most, but_to)
                if found or not held:
                    return found
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one of them; the others must not wait
            self.log.error("E-mails are claimed one by one.", **trouble(error))
            return await self._claim_one_by_one(at, most, but_to)
        self.wake()  # all of these became untrue, or too late; others may wait
        return []

    async def _claim_together(
        self, at: datetime, most: int, but_to: Sequence[str]
    ) -> tuple[int, Sequence[Claimed]]:
        """How many appointments were looked at, and what there is to send of them."""
        async with self.database.writing() as tx:
            held = await store.hold_due(tx, at, most, but_to)
            found = [await self._claim(tx, each, but_to, at) for each in held]
        return len(held), [each for each in found if each is not None]

    async def _claim_one_by_one(
        self, at: datetime, most: int, but_to: Sequence[str]
    ) -> Sequence[Claimed]:
        async with self.database.reading() as tx:
            due = await delivery_store.due(tx, at, most, but_to)
        found = [await self._claim_or_set_aside(each, but_to, at) for each in due]
        return [each for each in found if each is not None]

    async def _claim_or_set_aside(
        self, appointment_id: str, but_to: Sequence[str], at: datetime
    ) -> Claimed | None:
        try:
            async with self.database.writing() as tx:
                held = await store.hold_free(tx, appointment_id)
                return await self._claim(tx, held, but_to, at) if held else None
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - this one; the others must not wait
            self.log.error(
                "The e-mails of an appointment cannot be judged and are set aside.",
                appointment_id=appointment_id,
                **trouble(error),
            )
            await self._set_aside(appointment_id, at)
        return None

    async def _set_aside(self, appointment_id: str, at: datetime) -> None:
        """Nothing is read of the appointment: what is wrong may stand anywhere in it."""
        fault, try_for = NotNow(cause=Cause.FAULT), self.telling.rules.try_for
        TRIES.labels(word(fault), fault.cause).inc()
        async with self.database.writing() as tx:
            failed = await delivery_store.set_aside(tx, appointment_id, at, try_for)
            for each in failed:
                await self.telling.say(tx, appointment_id, each)

    async def _with_links(
        self, tx: Writer, held: Appointment, at: datetime
    ) -> Appointment:
        """With links of the present secret: no e-mail carries one that was not said."""
        if not self.telling.has_other_links(held, at):
            return held
        appointment = await self.telling.issued(tx, held, at)
        await store.save(tx, appointment, at)
        return appointment

    async def _claim(
        self, tx: Writer, held: Appointment, but_to: Sequence[str], at: datetime
    ) -> Claimed | None:
        appointment = await self._with_links(tx, held, at)
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

    async def still_holds(self, claimed: Claimed) -> bool:
        """Whether it is ours still, and says what is so.

        Asked when the mail server is ready for it: nothing said in between is missed,
        and no other instance claims it before the server has answered.
        """
        at, appointment_id = self.clock(), claimed.appointment.appointment_id
        async with self.database.reading() as tx:
            appointment = await store.appointment(tx, appointment_id)
            stored = await delivery_store.deliveries(tx, appointment_id)
        mine = _leased(stored, claimed.delivery)
        if appointment is None or mine is None or mine.due_at < at + LETTING_GO:
            return False
        return self.telling.is_true(appointment, stored, mine, at)

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Delivery | None:
        """What became of the e-mail; nothing when the lease had passed to another."""
        try:
            return await self._settle(claimed, outcome)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - what has left must not leave again
            self.log.error(
                "An e-mail is settled, and what follows from it is not.",
                appointment_id=claimed.appointment.appointment_id,
                delivery_id=str(claimed.delivery.delivery_id),
                **trouble(error),
            )
            return await self._settle_alone(claimed, outcome)

    async def _settle_alone(
        self, claimed: Claimed, outcome: Outcome
    ) -> Delivery | None:
        at = self.clock()
        settled = claimed.delivery.settled(outcome, at, self.chance())
        async with self.database.writing() as tx:
            if not await delivery_store.hold_leased(tx, claimed.delivery):
                return None
            await self.telling.keep(tx, claimed.appointment, settled)
        return settled

    async def _settle(self, claimed: Claimed, outcome: Outcome) -> Delivery | None:
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

    async def renew_links(self) -> int:
        """Issue anew, and have told, whichever links another secret made. Says how many."""
        renewed, after = 0, ""
        while True:
            at = self.clock()
            async with self.database.reading() as tx:
                page = await store.page_of_issued(tx, after, at)
            for each in page:
                after = each.appointment_id
                if self.telling.has_other_links(each, at):
                    renewed += await self._renew_link(after, at)
            if not page:
                break
        if renewed:
            self.log.warning(
                "Links of another secret were issued anew.", number=renewed
            )
            self.wake()
        return renewed

    async def _renew_link(self, appointment_id: str, at: datetime) -> bool:
        async with self.database.writing() as tx:
            held = await store.hold(tx, appointment_id)
            if held is None:
                return False
            appointment = await self._with_links(tx, held, at)
            stored = await delivery_store.deliveries(tx, appointment_id)
            await self.telling.agree(tx, appointment, stored, stored, at)
        return appointment != held

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
