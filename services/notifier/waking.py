"""Whom each rung of a doorbell wakes, and by which way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from chassis.database import Writer
from services.notifier import doorbell_store, message_store, subscription_store
from services.notifier.doorbell import Door, Doorbell, Rules, Rung
from services.notifier.message import Channel, Message, Subject, To
from services.notifier.metrics import MESSAGES
from services.notifier.quiet import Quiet, loud_from
from services.notifier.units import Day, QuietHours, Units, UnitSettings

CONSOLE_OPEN_FOR = timedelta(seconds=30)  # without a sign of it
WORTH = timedelta(minutes=10)  # later, a message would call to a door long seen to
MINUTE = timedelta(minutes=1)
WEEKDAY = {day: number for number, day in enumerate(Day)}


@dataclass(frozen=True, slots=True)
class Waking:
    units: Units

    def rules(self, unit_id: str | None) -> Rules:
        """The unit's; without a duty contact the last rung leads nowhere."""
        unit = self.units.of(unit_id)
        seconds = unit.ladder.model_dump() if unit_id else {}
        ladder = {
            rung: timedelta(seconds=seconds[rung])
            for rung in Rung
            if rung in seconds and (rung is not Rung.DUTY or _ways_to_duty(unit))
        }
        return Rules(ladder, [_quiet(each) for each in unit.quiet])

    async def wake(
        self, tx: Writer, bell: Doorbell, door: Door, rung: Rung, now: datetime
    ) -> None:
        """Queue the messages of this rung. Open consoles hear of it by the notice."""
        for message in await self._calls(tx, bell, door, rung, now):
            await message_store.queue(tx, message)

    async def hush(self, tx: Writer, bell: Doorbell, now: datetime) -> None:
        """Somebody has seen to it: what has not left need not."""
        about = (Subject.DOORBELL,)
        for message in await message_store.hold_queued(tx, bell.appointment_id, about):
            if message.person_id == bell.person_id:
                obsolete = message.obsolete(now)
                await message_store.save(tx, obsolete)
                MESSAGES.labels(message.channel, message.subject, obsolete.state).inc()

    async def _calls(
        self, tx: Writer, bell: Doorbell, door: Door, rung: Rung, now: datetime
    ) -> list[Message]:
        if rung is Rung.DUTY:
            ways = _ways_to_duty(self.units.of(bell.unit_id))
            return [_call(bell, rung, now, way) for way in ways]
        subscriptions = await self._subscriptions(tx, bell, door, rung, now)
        return [_call(bell, rung, now, Channel.PUSH, each) for each in subscriptions]

    async def _subscriptions(
        self, tx: Writer, bell: Doorbell, door: Door, rung: Rung, now: datetime
    ) -> Iterable[UUID]:
        """First of the professional, and of those without an open console; then of all.

        A colleague's console rings at any hour, and their telephone not in quiet ones.
        """
        if loud_from(now, self.rules(bell.unit_id).quiet) != now:
            return ()
        assert bell.unit_id  # noqa: S101 - without a unit there is no ladder
        browsers = await subscription_store.of_unit(tx, bell.unit_id, now)
        if rung is Rung.COLLEAGUE:
            return [each.subscription_id for each in browsers]
        at_a_console = await doorbell_store.consoles(tx, now - CONSOLE_OPEN_FOR)
        others = at_a_console - {door.professional_id}
        return [each.subscription_id for each in browsers if each.person not in others]


def _ways_to_duty(unit: UnitSettings) -> list[Channel]:
    ways = {Channel.EMAIL: unit.duty.email, Channel.SMS: unit.duty.phone}
    return [way for way, address in ways.items() if address is not None]


def _quiet(hours: QuietHours) -> Quiet:
    days = frozenset(WEEKDAY[day] for day in hours.days)
    return Quiet(hours.begins, hours.ends, days)


def _call(
    bell: Doorbell,
    rung: Rung,
    now: datetime,
    channel: Channel,
    subscription_id: UUID | None = None,
) -> Message:
    """To the door. Of each waiting everybody is called once by each rung."""
    assert bell.since  # noqa: S101 - it rings
    whom = (bell.appointment_id, bell.person_id, bell.unit_id, subscription_id)
    return Message(
        message_id=uuid4(),
        once=":".join(map(str, ("doorbell", rung, channel, bell.since, *whom))),
        channel=channel,
        to=To.DUTY if subscription_id is None else To.SUBSCRIPTION,
        subject=Subject.DOORBELL,
        appointment_id=bell.appointment_id,
        unit_id=bell.unit_id,
        person_id=bell.person_id,
        subscription_id=subscription_id,
        said_at=bell.since,
        codes={"rung": rung, "minutes": max(0, (now - bell.since) // MINUTE)},
        created_at=now,
        due_at=now,
        until=now + WORTH,
    )
