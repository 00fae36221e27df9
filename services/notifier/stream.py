"""Streams that are open in this instance, and the one task that feeds them all.

Whatever instance heard an event: its notice is in the database, a NOTIFY wakes everyone,
and each reads on from the number it had reached. A wake-up that is lost costs a second.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from chassis.clock import Clock
from chassis.database import Database
from chassis.limits import TooMany
from chassis.refusal import Unavailable
from chassis.waiting import woken
from services.notifier import store
from services.notifier.domain import Audience, Ears, Notice
from services.notifier.metrics import ENDED, PUSHED, STREAMS

LOOK_EVERY = 1.0  # seconds
BEGIN_SECONDS = 3.0


class Ending(StrEnum):
    """Why a stream ended. The page comes back by itself, but for an ended session."""

    GONE = "gone"  # the browser went
    SLOW = "slow"  # it did not read what was sent
    EXPIRED = "expired"  # its session is over
    STOPPING = "stopping"  # we are
    BEHIND = "behind"  # we were cut off for so long that only a snapshot helps


class Stream:
    """One open stream: what waits to be sent, and its end."""

    def __init__(self, ears: Ears, person: str, room: int) -> None:
        self.ears = ears
        self.person = person
        self.ending = Ending.GONE
        self._waiting: asyncio.Queue[Notice] = asyncio.Queue(room)
        self._over = False
        self._stop: Callable[[], None] = lambda: None

    def offer(self, notice: Notice) -> None:
        """Never waits: who does not keep up comes back for the rest."""
        try:
            self._waiting.put_nowait(notice)
        except asyncio.QueueFull:
            self.end(Ending.SLOW)

    async def next(self) -> Notice:
        return await self._waiting.get()

    def end(self, why: Ending) -> None:
        if not self._over:
            self._over, self.ending = True, why
            self._stop()

    def at_the_end(self, stop: Callable[[], None]) -> None:
        """Call this when it ends, which may have been already."""
        self._stop = stop
        if self._over:
            stop()


class Hub:
    """All streams of this instance."""

    def __init__(
        self, database: Database, clock: Clock, room: int, per_person: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._room = room
        # Fewer than a stream has room for: who reads is done with them before the next.
        self._at_once = max(1, room // 2)
        self._per_person = per_person
        self._listening: dict[tuple[Audience, str], set[Stream]] = defaultdict(set)
        self._of_person: Counter[str] = Counter()
        self._woken = asyncio.Event()
        self._begun = asyncio.Event()
        self._closed = False
        self._seen = 0

    @contextmanager
    def open(self, ears: Ears, person: str) -> Iterator[Stream]:
        """A stream that collects from now on. Read where things stand after this."""
        if self._closed:
            raise Unavailable("This instance is stopping.")
        if self._of_person[person] >= self._per_person:
            raise TooMany("Too many pages are open at once.", retry_after=60)
        stream = Stream(ears, person, self._room)
        self._of_person[person] += 1
        for name in ears.names:
            self._listening[ears.audience, name].add(stream)
        STREAMS.labels(ears.audience).inc()
        try:
            yield stream
        finally:
            self._forget(stream)

    def consoles(self) -> frozenset[str]:
        """The professionals who have one open here."""
        return frozenset(
            stream.person
            for (audience, _), streams in self._listening.items()
            if audience is Audience.UNIT
            for stream in streams
        )

    async def begun(self) -> None:
        """Returns when new notices are being followed; raises `Unavailable`."""
        if not await woken(self._begun, BEGIN_SECONDS):
            raise Unavailable("Notices cannot be followed yet.")

    async def run(self) -> None:
        """Feed the streams until cancelled; raises `Unavailable` with the database."""
        async with self._database.listening(store.CHANNEL, lambda _: self._woken.set()):
            await self._begin()
            while True:
                self._woken.clear()
                while await self._tell_on():
                    pass
                await woken(self._woken, LOOK_EVERY)

    def close(self) -> None:
        """End every stream at once: each finds another instance."""
        self._closed = True
        self._end_all(Ending.STOPPING)

    async def _begin(self) -> None:
        if not self._begun.is_set():
            async with self._database.reading() as tx:
                self._seen = await store.newest(tx)
            self._begun.set()

    async def _tell_on(self) -> bool:
        """Hand on what is new; whether there was any.

        What is for nobody is seen, too: else its being dropped would look like a gap.
        """
        async with self._database.reading() as tx:
            news, upto = await store.after(tx, self._seen, self._at_once)
            if await store.horizon(tx) > self._seen:
                self._end_all(Ending.BEHIND)
        for notice in news:
            for stream in tuple(
                self._listening.get((notice.audience, notice.addressee), ())
            ):
                stream.offer(notice)
            PUSHED.observe((self._clock() - notice.noted_at).total_seconds())
        is_new, self._seen = upto > self._seen, upto
        return is_new

    def _end_all(self, why: Ending) -> None:
        for stream in set[Stream]().union(*self._listening.values()):
            stream.end(why)

    def _forget(self, stream: Stream) -> None:
        person = stream.person
        self._of_person[person] -= 1
        if not self._of_person[person]:
            del self._of_person[person]
        for name in stream.ears.names:
            self._listening[stream.ears.audience, name].discard(stream)
            if not self._listening[stream.ears.audience, name]:
                del self._listening[stream.ears.audience, name]
        STREAMS.labels(stream.ears.audience).dec()
        ENDED.labels(stream.ending).inc()
