"""What happens at the doorbells, one transaction at a time.

Everything here is done in the turn of the notices (`store.take_turn`), so of two
instances one is first, and the other finds what it did.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.logs import Log, trouble
from chassis.refusal import Unavailable
from contract.appointment import Aspect
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
from services.notifier import store
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
from services.notifier.metrics import DOORBELLS, RUNGS, TIME_TO_NOTICE
from services.notifier.waking import CONSOLE_OPEN_FOR, Waking

RUNG = "doorbell.rung"
ACKNOWLEDGED = "doorbell.acknowledged"
AT_ONCE = 100
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


@dataclass(frozen=True, slots=True)
class Bells:
    database: Database
    clock: Clock
    log: Log
    waking: Waking

    # What is heard, in the transaction that notes it

    async def hear(self, tx: Writer, event: Event, known: Appointment) -> None:
        """Somebody came to the door, was noticed, or went from it."""
        what = SAYS.get(type(event))
        if what is None:
            return
        now = self.clock()
        person_id: UUID | None = getattr(event, "person_id", None)
        by = getattr(event, "professional_id", None)
        word = Word(getattr(event, "at", now), what, now, by)
        ours = await bells.hold(tx, event.appointment_id, person_id)
        if person_id is not None and not ours:
            ours = [Doorbell(event.appointment_id, person_id)]
        unit_id = known.unit_id or getattr(event, "unit_id", None)
        door = await bells.door(tx, event.appointment_id)
        before = {each.person_id: await self._words(tx, each) for each in ours}
        await bells.keep_word(tx, event.appointment_id, person_id, word)
        for bell in ours:
            words = before[bell.person_id]
            heard = bell.told([*words, word], door, now).at_unit(unit_id, now)
            await self._changed(tx, bell, heard, door)
            _observe(
                heard, newly_noticed(tell(words, door), tell([*words, word], door))
            )

    async def change(
        self,
        tx: Writer,
        event: Change,
        renewed: frozenset[Aspect],
        changed: Appointment,
    ) -> None:
        """The booking system said something new of the appointment."""
        now = self.clock()
        old = await bells.door(tx, event.appointment_id)
        door = old.after(event, renewed, now)
        await bells.keep_door(tx, event.appointment_id, door)
        for bell in await bells.hold(tx, event.appointment_id, None):
            words = await self._words(tx, bell)
            told = bell.told(words, door, now).at_unit(changed.unit_id, now)
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
        word = Word(bell.since, What.ACKNOWLEDGED, now, by)
        await bells.keep_word(tx, bell.appointment_id, bell.person_id, word)
        words = await self._words(tx, bell)
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
                self.log.error("A rung was not climbed.", **trouble(error))
        return climbed

    async def see_consoles(self, professionals: Iterable[str]) -> None:
        """Those have a console open here."""
        now = self.clock()
        async with self.database.writing() as tx:
            await bells.see_consoles(tx, professionals, now, now - CONSOLE_OPEN_FOR)

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

    async def _words(self, tx: Writer, bell: Doorbell) -> list[Word]:
        return await bells.words(tx, bell.appointment_id, bell.person_id)

    async def _changed(
        self, tx: Writer, before: Doorbell, after: Doorbell, door: Door
    ) -> None:
        await self._save(tx, after, door)
        if before.rings and not after.rings:
            await self.waking.hush(tx, after, self.clock())

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


def _observe(bell: Doorbell, noticed: Noticed | None) -> None:
    if noticed is not None:
        rung = bell.highest or "page"
        seconds = max(noticed.after, timedelta(0)).total_seconds()
        TIME_TO_NOTICE.labels(noticed.word.what, rung).observe(seconds)
