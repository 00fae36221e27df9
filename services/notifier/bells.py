"""What happens at the doorbells, one transaction at a time.

Everything here is done in the turn of the notices (`store.take_turn`), so of two
instances one is first, and the other finds what it did.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.logs import Log, trouble
from chassis.refusal import Unavailable
from contract.appointment import Aspect, Relevance
from contract.booking import Change
from contract.envelope import Event
from contract.lobby import (
    AppointmentMissed,
    AppointmentUnserved,
    MessageSent,
    PatientAdmitted,
    PatientBack,
    PatientLeft,
    PatientRefused,
    PatientReturned,
    PatientSummoned,
    PatientWaiting,
)
from services.notifier import doorbell_store as bells
from services.notifier import fact_store, store, validity
from services.notifier.domain import Appointment, Audience, News
from services.notifier.doorbell import (
    Door,
    Doorbell,
    NoDoorbell,
    Noticed,
    What,
    Word,
    newly_noticed,
    tell,
)
from services.notifier.fact import Fact, History
from services.notifier.metrics import DOORBELLS, RUNGS, TIME_TO_NOTICE
from services.notifier.waking import CONSOLE_OPEN_FOR, Waking

RUNG = "doorbell.rung"
ACKNOWLEDGED = "doorbell.acknowledged"
AT_ONCE = 100
PUT_OFF_FOR = timedelta(minutes=1)
PAST_AFTER = timedelta(minutes=1)  # since the last rung; it has to be read, too

SAYS: Mapping[type[Event], What] = {
    PatientWaiting: What.WAITING,
    PatientReturned: What.RETURNED,
    PatientBack: What.BACK,
    MessageSent: What.MESSAGED,
    PatientSummoned: What.SUMMONED,
    PatientAdmitted: What.ADMITTED,
    PatientRefused: What.REFUSED,
    PatientLeft: What.LEFT,
    AppointmentMissed: What.MISSED,
    AppointmentUnserved: What.MISSED,
}
WHAT_OF = {event.topic: what for event, what in SAYS.items()} | {
    ACKNOWLEDGED: What.ACKNOWLEDGED
}


@dataclass(frozen=True, slots=True)
class Bells:
    database: Database
    clock: Clock
    log: Log
    waking: Waking

    # What is heard, in the transaction that notes it

    async def hear(
        self, tx: Writer, event: Event, known: Appointment, history: History
    ) -> None:
        """Somebody came to the door, was noticed, or went from it."""
        if event.topic not in WHAT_OF:
            return
        now = self.clock()
        person_id: UUID | None = getattr(event, "person_id", None)
        ours = await bells.hold(tx, event.appointment_id, person_id)
        if person_id is not None and not ours:
            ours = [Doorbell(event.appointment_id, person_id)]
        unit_id = known.unit_id or getattr(event, "unit_id", None)
        door = await bells.door(tx, event.appointment_id)
        earlier = replace(history, facts=history.facts[:-1])
        for bell in ours:
            before, words = _words(earlier, bell), _words(history, bell)
            heard = bell.told(words, door, now).at_unit(unit_id, now)
            await self._changed(tx, bell, heard, door)
            _observe(heard, newly_noticed(tell(before, door), tell(words, door)))

    async def change(
        self,
        tx: Writer,
        event: Change,
        renewed: frozenset[Aspect],
        changed: Appointment,
        history: History,
    ) -> None:
        """The booking system said something new of the appointment."""
        now = self.clock()
        old = await bells.door(tx, event.appointment_id)
        door = old.after(event, renewed, now)
        await bells.keep_door(tx, event.appointment_id, door)
        for bell in await bells.hold(tx, event.appointment_id, None):
            told = bell.told(_words(history, bell), door, now)
            told = told.at_unit(changed.unit_id, now)
            await self._changed(tx, bell, told, door)

    # What staff do

    async def open_at(self, units: Iterable[str]) -> Sequence[Doorbell]:
        """Where somebody waits, at these units."""
        async with self.database.reading() as tx:
            return await bells.open_at(tx, units, self.clock())

    async def acknowledge(
        self, appointment_id: str, person_id: UUID, units: Sequence[str], by: str
    ) -> Doorbell:
        """Somebody has seen it; the one who was first stays the one."""
        async with self.database.writing() as tx:
            await store.take_turn(tx)
            now = self.clock()
            door = await bells.door(tx, appointment_id)
            found = await bells.hold(tx, appointment_id, person_id)
            bell = _open(found, door, units, now)
            if bell.answered:
                return bell
            return await self._acknowledged(tx, bell, door, by)

    async def _acknowledged(
        self, tx: Writer, bell: Doorbell, door: Door, by: str
    ) -> Doorbell:
        now = self.clock()
        assert bell.since  # noqa: S101 - it is open
        history = await validity.history(tx, bell.appointment_id)
        slot = next(
            (each.slot for each in _told(history, bell) if each.at == bell.since), None
        )
        fact = Fact(ACKNOWLEDGED, bell.since, now, bell.person_id, slot, by)
        await fact_store.keep(tx, bell.appointment_id, fact)
        words = _words(history.and_then(fact), bell)
        seen = bell.told(words, door, now)
        await self._changed(tx, bell, seen, door)
        await self._note(tx, seen, ACKNOWLEDGED, {"by": by})
        _observe(seen, tell(words, door).noticed)
        return seen

    # What time does

    async def begin(self) -> None:
        """The rules may be others than when they were last looked at."""
        async with self.database.writing() as tx:
            await bells.look_at_all(tx, self.clock())

    async def climb(self) -> int:
        """Climb every rung that is due; how many. A bell that fails stops no other."""
        now = self.clock()
        async with self.database.reading() as tx:
            due = await bells.due(tx, now, AT_ONCE)
            ringing, past = await bells.count(tx, now, now - PAST_AFTER)
        DOORBELLS.labels("ringing").set(ringing)
        DOORBELLS.labels("past").set(past)
        climbed = 0
        for appointment_id, person_id in due:
            try:
                climbed += await self._climb(appointment_id, person_id)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, others wait too
                self.log.error(
                    "An escalation step failed; it is tried again in a minute.",
                    appointment_id=appointment_id,
                    **trouble(error),
                )
                await self._put_off(appointment_id, person_id)
        return climbed

    async def see_consoles(self, professionals: Iterable[str]) -> None:
        """Those have a console open here."""
        now = self.clock()
        async with self.database.writing() as tx:
            await bells.see_consoles(tx, professionals, now, now - CONSOLE_OPEN_FOR)

    async def _put_off(self, appointment_id: str, person_id: UUID) -> None:
        """It stands in nobody's way meanwhile."""
        until = self.clock() + PUT_OFF_FOR
        async with self.database.writing() as tx:
            await bells.put_off(tx, appointment_id, person_id, until)

    async def _climb(self, appointment_id: str, person_id: UUID) -> bool:
        async with self.database.writing() as tx:
            await store.take_turn(tx)
            now = self.clock()
            bell = await bells.hold_due(tx, appointment_id, person_id, now)
            if bell is None:
                return False
            door = await bells.door(tx, appointment_id)
            due = bell.due(self.waking.rules(bell.unit_id), door, now)
            if due is None or due.at > now:
                await self._save(tx, bell, door)
                return False
            climbed = bell.climbs(due.rung, now)
            await self._save(tx, climbed, door)
            await self.waking.wake(tx, climbed, door, due.rung, now)
            await self._note(tx, climbed, RUNG, {"rung": due.rung})
        RUNGS.labels(due.rung).inc()
        return True

    async def _changed(
        self, tx: Writer, before: Doorbell, after: Doorbell, door: Door
    ) -> None:
        await self._save(tx, after, door)
        if before.calls_to != after.calls_to:
            await self.waking.hush(tx, before, self.clock())

    async def _save(self, tx: Writer, bell: Doorbell, door: Door) -> None:
        rules = self.waking.rules(bell.unit_id)
        due = bell.due(rules, door, self.clock())
        await bells.save(
            tx,
            bell,
            next_at=due.at if due else None,
            past_since=bell.past_since(rules),
            over_at=bell.over_at(door),
        )

    async def _note(
        self, tx: Writer, bell: Doorbell, topic: str, codes: Mapping[str, str]
    ) -> None:
        now = self.clock()
        to_unit = frozenset({Audience.UNIT})
        news = News(bell.appointment_id, topic, bell.person_id, codes, now, to_unit)
        await store.note(tx, news, bell.unit_id, now)


def _open(
    found: Sequence[Doorbell], door: Door, units: Sequence[str], now: datetime
) -> Doorbell:
    """The bell, if somebody waits there. Raises `NoDoorbell`."""
    for bell in found:
        over_at = bell.over_at(door)
        if bell.unit_id in units and over_at is not None and now < over_at:
            return bell
    raise NoDoorbell("Nobody waits there.")


def _told(history: History, bell: Doorbell) -> list[Fact]:
    """What was heard of them. Who waits by a move that we have not heard of waits, too:
    the lobby knows of it, and nobody would come."""
    return [
        each
        for each in history.not_over
        if each.topic in WHAT_OF and each.person_id in {None, bell.person_id}
    ]


def _words(history: History, bell: Doorbell) -> list[Word]:
    ahead = Relevance.AHEAD
    return [
        Word(
            at=each.at,
            what=WHAT_OF[each.topic],
            noted_at=each.noted_at,
            by=each.by,
            is_ahead=history.heard.relevance(each.slot) is ahead,
        )
        for each in _told(history, bell)
    ]


def _observe(bell: Doorbell, noticed: Noticed | None) -> None:
    if noticed is not None:
        rung = bell.highest or "page"
        seconds = max(noticed.after, timedelta(0)).total_seconds()
        TIME_TO_NOTICE.labels(noticed.word.what, rung).observe(seconds)
