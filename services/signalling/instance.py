"""This instance among the others: it writes who is here, and reads who is elsewhere.

publish   who came, went, or switched a device is written, and every instance told
beat      this instance is marked as alive; those that stopped without a word are found

What is written is always the latest state, so an outage leaves nothing to catch up with.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic

from chassis.database import Database, Writer
from chassis.logs import Log
from chassis.refusal import Unavailable
from services.signalling import presence_store
from services.signalling import store as rooms_store
from services.signalling.database_clock import DatabaseClock
from services.signalling.metrics import CRASHED, UNWRITTEN_PRESENCES
from services.signalling.presence import Presences
from services.signalling.presence_store import Seat, Written
from services.signalling.room import Session
from services.signalling.rooms import Rooms

PAUSE = 0.5  # seconds until the database is asked again
ROUNDS = 5  # heartbeats in the time after which an instance counts as crashed
SURE_ROUNDS = 2  # heartbeats in the time after which it may have
RETIRE_SECONDS = 2.0

Key = tuple[str, str]


class Instance:
    def __init__(
        self,
        database: Database,
        name: str,
        crashed_after: float,
        resume_seconds: float,
        log: Log,
    ) -> None:
        self.name = name
        self._database = database
        self._crashed_after = crashed_after
        self._sure_for = SURE_ROUNDS * crashed_after / ROUNDS
        self._resume_seconds = resume_seconds
        self._log = log
        self._clock = DatabaseClock()
        self._unwritten: dict[Key, Session] = {}
        self._in_hand: dict[Key, Session] = {}  # being written
        self._woken = asyncio.Event()
        self._changes = 0
        self._written = 0  # of them
        self._progress = asyncio.Event()

    def changed(self, session: Session) -> None:
        """Its latest state is to be written."""
        self._unwritten[_key(session)] = session
        self._changes += 1
        UNWRITTEN_PRESENCES.set(len(self._unwritten))
        self._woken.set()

    async def elsewhere(self, appointment_id: str) -> Presences:
        """The members of a call whose last hello was said to another instance."""
        async with self._database.reading() as tx:
            found = await presence_store.elsewhere(
                tx, appointment_id, self.name, self._sure_for
            )
        return {each.member: each for each in found}

    async def publish(self, rooms: Rooms) -> None:
        self._woken.set()  # something may be left from a run that failed
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._publish(rooms)
            except Unavailable:
                self._woken.set()
                await asyncio.sleep(PAUSE)

    async def published(self) -> None:
        """What changed before this moment is written, however long that takes.

        One task may wait at a time.
        """
        changes = self._changes
        while self._written < changes:
            self._progress.clear()
            await self._progress.wait()

    async def beat(self, rooms: Rooms, look: Callable[[list[str]], None]) -> None:
        """`look` is told of appointments about which something new is written.

        An instance that was cut off itself must not take the others for crashed, so it
        judges only after a whole span in which it reached the database each time.
        """
        rounds = 0
        while True:
            try:
                look(await self._beat(rooms, judges=rounds > ROUNDS))
                rounds += 1
            except Unavailable:
                rounds = 0
            await asyncio.sleep(self._crashed_after / ROUNDS)

    async def retire(self, rooms: Rooms) -> None:
        """At the end: nobody waits until this instance is found to be silent."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(RETIRE_SECONDS):
                await self._publish(rooms)
                async with self._database.writing() as tx:
                    await _tell(tx, await presence_store.retire(tx, self.name))

    async def _publish(self, rooms: Rooms) -> None:
        batch, self._unwritten = self._unwritten, {}
        self._in_hand = batch
        changes = self._changes
        try:
            await self._write(rooms, batch)
        except BaseException:
            self._unwritten = batch | self._unwritten
            raise
        else:
            self._written = changes
            self._progress.set()
        finally:
            self._in_hand = {}
            UNWRITTEN_PRESENCES.set(len(self._unwritten))

    async def _write(self, rooms: Rooms, batch: dict[Key, Session]) -> None:
        async with self._database.writing() as tx:
            if await self._mark(tx):
                batch = _by_key(rooms.sessions) | batch
            hellos = {key: each.hello_at for key, each in batch.items()}
            seats = {key: self._seat(each) for key, each in batch.items()}
            await presence_store.put(tx, self.name, list(seats.values()))
            await _tell(tx, {appointment for appointment, _ in batch})
        for key, session in batch.items():
            if session.hello_at == hellos[key]:
                session.arrived_at = seats[key].arrived_at

    async def _mark(self, tx: Writer) -> bool:
        """This instance is alive. True when the others may not have known that."""
        asked = monotonic()
        was_unknown, said = await presence_store.beat(tx, self.name, self._sure_for)
        self._clock.note(asked, said, monotonic())
        return was_unknown

    def _seat(self, session: Session) -> Seat:
        return Seat(
            appointment_id=session.person.appointment_id,
            member=session.person.member,
            role=session.person.role,
            media=session.media,
            state=session.state,
            admitted_at=session.since,
            arrived_at=session.arrived_at or self._clock.at(session.hello_at),
        )

    async def _beat(self, rooms: Rooms, *, judges: bool) -> list[str]:
        """The appointments about which another instance wrote of late.

        Each is told by NOTIFY too, which is lost when its connection is.
        """
        async with self._database.writing() as tx:
            was_unknown = await self._mark(tx)
            crashed = await self._sweep(tx) if judges else 0
            changed = await presence_store.changed(
                tx, rooms.known, self.name, self._sure_for
            )
            written = await presence_store.written(tx, self.name)
            differing = self._differing(rooms, written)
            strays = written.keys() - self._pending - _keys(rooms)
            await _tell(tx, await presence_store.let_go(tx, self.name, strays))
        for session in rooms.sessions if was_unknown else differing:
            self.changed(session)
        if crashed:
            CRASHED.inc(crashed)
            self._log.warning(
                "Instances stopped without a word; their members are lost.",
                count=crashed,
            )
        return changed

    @property
    def _pending(self) -> set[Key]:
        return {*self._unwritten, *self._in_hand}

    def _differing(self, rooms: Rooms, written: Mapping[Key, Written]) -> list[Session]:
        """Of whom other than the latest is written: a fail-over, or another instance
        that took this one for crashed, may have undone it."""
        return [
            each
            for each in rooms.sessions
            if _key(each) not in self._pending
            and written.get(_key(each)) != _as_written(each)
        ]

    async def _sweep(self, tx: Writer) -> int:
        """See to what instances that are no more have left behind."""
        crashed = await presence_store.forget_crashed(tx, self._crashed_after)
        ended = await presence_store.ended_instances(tx)
        lost = await presence_store.lose(tx, ended)
        expired = await presence_store.expire(tx, ended, self._resume_seconds)
        await presence_store.tidy(tx, self._resume_seconds)
        await _tell(tx, {*lost, *expired})
        return crashed


async def _tell(tx: Writer, appointment_ids: Iterable[str]) -> None:
    for appointment_id in sorted(appointment_ids):
        await rooms_store.tell(tx, appointment_id)


def _by_key(sessions: Iterable[Session]) -> dict[Key, Session]:
    return {_key(each): each for each in sessions}


def _keys(rooms: Rooms) -> set[Key]:
    return {_key(each) for each in rooms.sessions}


def _as_written(session: Session) -> Written:
    return Written(session.state, session.media, session.since)


def _key(session: Session) -> Key:
    return session.person.appointment_id, session.person.member
