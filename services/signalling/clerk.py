"""Keeps rooms and records in step: writes what happened, and looks at what was written.

write   what happens in rooms is written as soon as the database takes it
listen  what any process wrote about a room is looked at here
watch   rooms with somebody in them are marked, and calls long unmarked end in silence
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from chassis.logs import Log, trouble
from chassis.refusal import Unavailable
from services.signalling.domain import Deed
from services.signalling.flows import Signalling
from services.signalling.instance import Instance
from services.signalling.metrics import UNWRITTEN
from services.signalling.news import News
from services.signalling.presence_store import PassedSignal
from services.signalling.rooms import Rooms
from services.signalling.store import CHANNEL

MOST_DEEDS = 10_000
PAUSE = 1.0  # seconds until the database is asked again
ROUNDS = 4  # in the time that makes a silence
FINISH_SECONDS = 2.0
TIDY_SECONDS = 3600.0


class Clerk:
    def __init__(
        self,
        signalling: Signalling,
        news: News,
        instance: Instance,
        log: Log,
    ) -> None:
        self._signalling = signalling
        self._news = news
        self._instance = instance
        self._log = log
        self._deeds: asyncio.Queue[Deed] = asyncio.Queue(MOST_DEEDS)
        self._told: set[str] = set()
        self._looking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._listening = False

    def note(self, deed: Deed) -> None:
        """To be written. A call whose end is lost here still ends in silence."""
        try:
            self._deeds.put_nowait(deed)
        except asyncio.QueueFull:
            self._log.error(
                "A deed was not written.", appointment_id=deed.appointment_id
            )
        UNWRITTEN.set(self._deeds.qsize())

    def look(self, appointment_ids: Iterable[str]) -> None:
        """There may be something new about these."""
        self._told.update(appointment_ids)
        self._woken.set()

    async def finish(self) -> None:
        """What was noted is written, if that is soon done."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._deeds.join()

    async def write(self) -> None:
        while True:
            deed = await self._deeds.get()
            try:
                await self._write(deed)
            finally:
                self._deeds.task_done()
                UNWRITTEN.set(self._deeds.qsize())

    async def _write(self, deed: Deed) -> None:
        """As often as it takes, and in order: a start comes before its end."""
        while True:
            try:
                return await self._signalling.write(deed)
            except Unavailable:
                await asyncio.sleep(PAUSE)
            except Exception as error:  # noqa: BLE001 - logged; the other calls go on
                self._log.error(
                    "A deed was not written.",
                    appointment_id=deed.appointment_id,
                    **trouble(error),
                )
                return None

    async def listen(self, rooms: Rooms) -> None:
        while True:
            with suppress(Unavailable):
                await self._listen(rooms)
            await asyncio.sleep(PAUSE)

    async def _listen(self, rooms: Rooms) -> None:
        """While the connection lasts. What was said before it is looked at first."""
        self._listening = True
        async with self._signalling.database.listening(CHANNEL, self._hear):
            self.look([*rooms.known, *self._news.awaited])
            while self._listening:
                while self._told:
                    await self._look(self._told.pop(), rooms)
                if not self._listening:
                    return  # it was lost during a look
                self._woken.clear()
                await self._woken.wait()

    def _hear(self, appointment_id: str) -> None:
        """An empty one says that the connection is lost."""
        if not appointment_id:
            self._listening = False
            self._woken.set()
            return
        self.look([appointment_id])

    async def _look(self, appointment_id: str, rooms: Rooms) -> None:
        self._news.tell(appointment_id)
        if appointment_id in rooms:
            await self.agree(appointment_id, rooms)

    async def agree(self, appointment_id: str, rooms: Rooms) -> None:
        """See to it that a room agrees with what is written, and never with less."""
        async with self._looking:
            standing = await self._signalling.standing(appointment_id)
            elsewhere = await self._instance.elsewhere(appointment_id)
            rooms.agree(appointment_id, standing, elsewhere)

    async def deliver(self, signal: PassedSignal, rooms: Rooms) -> bool:
        """A signal from another instance, to whom it is for; False when they are not here.

        Nobody hears from a member of whom they have not been told, nor from a page that
        the member has left for another.
        """
        sender = signal.member_from, signal.sender
        if not rooms.knows(signal.appointment_id, *sender):
            with suppress(Unavailable):
                await self.agree(signal.appointment_id, rooms)
            if not rooms.knows(signal.appointment_id, *sender):
                return False
        return rooms.deliver(signal.appointment_id, signal.member_to, signal.body)

    async def watch(self, rooms: Rooms) -> None:
        """A process that has itself been cut off must not take others for silent.

        So it ends calls only after a whole silence in which it reached the database,
        and in which every other process had the time to mark its rooms.
        """
        rounds = 0
        silence = self._signalling.silence.total_seconds()
        while True:
            try:
                await self._signalling.still_here(rooms.connected)
                rounds += 1
                if rounds > ROUNDS:
                    await self._signalling.end_silent()
            except Unavailable:
                rounds = 0
            await asyncio.sleep(silence / ROUNDS)

    async def tidy(self, keep: timedelta) -> None:
        while True:
            with suppress(Unavailable):
                await self._signalling.forget(keep)
            await asyncio.sleep(TIDY_SECONDS)
