"""Messages on their way, one transaction at a time.

A message is claimed, handed to a supplier and settled: two transactions and none between
them. A courier does the middle part.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.outcome import Accepted, Never, Outcome, Reason
from chassis.refusal import Unavailable
from chassis.sending import OPEN, State
from contract.identity import Role
from services.notifier import (
    contact_store,
    message_store,
    subscription_store,
    validity,
)
from services.notifier.contact import Contact
from services.notifier.message import Channel, Message, To
from services.notifier.metrics import MESSAGES, OLDEST, SWITCHED_OFF
from services.notifier.notifications import WHOSE_TELEPHONE
from services.notifier.subscription_store import Subscription
from services.notifier.units import Duty, Units, Webhook

LEASE = timedelta(seconds=90)  # longer than handing one message over may take
REPLAYED_FOR = timedelta(days=1)
HEARD_WITHIN = timedelta(seconds=5)  # what is just behind on another topic
CALLED_AT_ONCE = 2  # of one unit's system
# What reading raises of a row that is not as we would have written it.
BAD_DATA = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
PUT_ASIDE_FOR = timedelta(minutes=1)  # what another version may be able to read


StillHolds = Callable[[], Awaitable[bool]]
"""Asked when a supplier is ready for a message. It does not raise."""


class Unclaimable(Exception):
    """One message cannot be read or judged. It is put aside, and others go their way."""

    def __init__(self, message_id: UUID) -> None:
        super().__init__(f"Message {message_id} cannot be claimed.")
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send, and where a person is reached."""

    message: Message
    contact: Contact | None = None
    role: Role | None = None
    subscription: Subscription | None = None
    duty: Duty | None = None
    webhook: Webhook | None = None


@dataclass(frozen=True, slots=True)
class Messages:
    database: Database
    clock: Clock
    units: Units
    kept: timedelta
    new_id: Callable[[], UUID]
    chance: Callable[[], float]

    async def claim(self, channel: Channel) -> Claimed | None:
        """The next one to send, ours until the lease ends; or nothing is due.

        Raises `Unclaimable`.
        """
        at = self.clock()
        async with self.database.writing() as tx:
            while row := await message_store.hold_next_due(
                tx, channel, at, CALLED_AT_ONCE
            ):
                try:
                    found = await self._judged(tx, row, at)
                except BAD_DATA as error:
                    raise Unclaimable(row["message_id"]) from error
                ready = found.message
                if ready.state is State.QUEUED and ready.due_at <= at:
                    claimed = ready.claimed(self.new_id(), at + LEASE)
                    await message_store.save(tx, claimed)
                    return replace(found, message=claimed)
                await self._keep(tx, ready)
        return None

    async def put_aside(self, message_id: UUID) -> None:
        """One that could not be claimed does not stand in the way of others."""
        at = self.clock()
        async with self.database.writing() as tx:
            await message_store.put_aside(tx, message_id, at, at + PUT_ASIDE_FOR)

    async def still_holds(self, message: Message) -> bool:
        """Whether it is still to be sent. Does not raise: who cannot know goes on."""
        try:
            async with self.database.reading() as tx:
                return await validity.holds(tx, message, self.clock())
        except Unavailable:
            return True

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Message | None:
        """What became of it; nothing when the lease had passed to another."""
        at, mine = self.clock(), claimed.message
        assert mine.lease is not None  # noqa: S101 - it was claimed
        async with self.database.writing() as tx:
            held = await message_store.hold_leased(tx, mine.message_id, mine.lease)
            if held is None:
                return None
            settled = _settled(held, outcome, at, self.chance())
            is_open = settled.state is State.QUEUED
            if is_open and not await validity.holds(tx, settled, at):
                settled = settled.obsolete(at)
            await self._keep(tx, settled)
            if outcome == Never(Reason.RECEIVER_GONE):
                await self._gone(tx, claimed, at)
        return settled

    async def replay(
        self, unit_id: str, since: datetime, ids: Sequence[UUID] = ()
    ) -> int:
        """Say again to a unit's system what it was to hear since then, under the same
        ids; or only the named messages. Returns how many. It hears again, if it had
        wanted no more."""
        at = self.clock()
        async with self.database.writing() as tx:
            held = await message_store.hold_for_replay(tx, unit_id, since, ids)
            for each in held:
                again = replace(
                    each,
                    state=State.QUEUED,
                    attempts=0,
                    reason=None,
                    settled_at=None,
                    due_at=at,
                    until=at + REPLAYED_FOR,
                )
                await self._keep(tx, again)
            await message_store.switch_on(tx, unit_id)
        return len(held)

    async def measure(self) -> None:
        async with self.database.reading() as tx:
            oldest = await message_store.oldest_waiting(tx)
        for channel in Channel:
            since = oldest.get(channel)
            late = self.clock() - since if since else timedelta()
            OLDEST.labels(channel).set(late.total_seconds())

    async def forget(self) -> None:
        """What was told to whom is kept for a while, by ids."""
        at = self.clock()
        async with self.database.writing() as tx:
            await message_store.forget(tx, at - self.kept)
            await subscription_store.forget(tx, at)

    async def _judged(self, tx: Writer, row: object, at: datetime) -> Claimed:
        """The message as it is now, queued if it is still to be sent; and to whom."""
        message = message_store.read(row).given_back(at)
        if message.state is not State.QUEUED:
            return Claimed(message)
        if message.until <= at:
            return Claimed(message.given_up(at))
        if not await validity.holds(tx, message, at):
            return Claimed(message.obsolete(at))
        found = await self._found(tx, message, at)
        if not _is_understood(found):
            later = min(at + HEARD_WITHIN, message.until)
            return Claimed(replace(message, due_at=later))
        return found if _is_wanted(found) else Claimed(message.obsolete(at))

    async def _found(self, tx: Writer, message: Message, at: datetime) -> Claimed:
        match message.to:
            case To.PATIENT:
                return await self._of_patient(tx, message)
            case To.SUBSCRIPTION:
                found = await subscription_store.find(tx, message.subscription_id, at)
                return Claimed(message, subscription=found)
            case To.DUTY:
                return Claimed(message, duty=self.units.of(message.unit_id).duty)
            case To.SYSTEM:
                return Claimed(message, webhook=await self._webhook(tx, message))

    async def _of_patient(self, tx: Writer, message: Message) -> Claimed:
        contact = await contact_store.contact(tx, message.appointment_id)
        if message.person_id is None:
            return Claimed(message, contact)
        history = await validity.history(tx, message.appointment_id)
        return Claimed(message, contact, history.roles.get(message.person_id))

    async def _webhook(self, tx: Writer, message: Message) -> Webhook | None:
        """Nothing when the unit has none, or none that wants to hear from us."""
        unit_id = message.unit_id
        webhook = self.units.of(unit_id).webhook
        if unit_id is None or webhook is None:
            return None
        is_off = await message_store.is_off(tx, unit_id, webhook.digest)
        return None if is_off else webhook

    async def _gone(self, tx: Writer, claimed: Claimed, at: datetime) -> None:
        """The receiver said so: it is not called again."""
        if claimed.subscription:
            await subscription_store.drop(tx, claimed.subscription.subscription_id)
        if claimed.webhook and claimed.message.unit_id:
            digest = claimed.webhook.digest
            await message_store.switch_off(tx, claimed.message.unit_id, digest, at)
            SWITCHED_OFF.inc()

    async def _keep(self, tx: Writer, message: Message) -> None:
        await message_store.save(tx, message)
        if message.state not in OPEN:
            MESSAGES.labels(message.channel, message.subject, message.state).inc()


def _is_understood(found: Claimed) -> bool:
    """Kafka promises no order: the booking, or who somebody is, may be just behind."""
    if found.contact is None:
        return True
    is_somebody = found.message.person_id is None or found.role is not None
    return found.contact.is_booked and is_somebody


def _is_wanted(found: Claimed) -> bool:
    """Whoever withdrew their consent, or whose appointment is off, is not written to."""
    match found.message.to:
        case To.PATIENT:
            theirs = found.message.person_id is None or found.role in WHOSE_TELEPHONE
            return theirs and found.contact is not None and found.contact.takes_texts
        case To.SUBSCRIPTION:
            return found.subscription is not None
        case To.SYSTEM:
            return found.webhook is not None
        case To.DUTY:
            return True


def _settled(held: Message, outcome: Outcome, at: datetime, chance: float) -> Message:
    settled = held.settled(outcome, at, chance)
    if isinstance(outcome, Accepted):
        return replace(settled, reference=outcome.reference)
    if settled.state is State.QUEUED and settled.due_at >= settled.until:
        return settled.given_up(at)
    return settled
