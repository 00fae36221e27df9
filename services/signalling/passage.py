"""Carries signals to members whose socket is on another instance, by way of PostgreSQL.

One task writes, so what one member says to another arrives in order. While the database
is away signals wait; those that have waited too long are worth nothing and are dropped.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic

from chassis.database import Database, Writer
from chassis.logs import Log, trouble
from chassis.refusal import Unavailable
from chassis.waiting import woken
from services.signalling import presence_store as store
from services.signalling.metrics import PASSED, PASSING_SECONDS, UNPASSED
from services.signalling.presence_store import PassedSignal

MOST_WAITING = 16 * 1024 * 1024  # characters, with what each signal takes besides
MOST_OF_ONE = 1024 * 1024  # the same, of one member
BESIDES = 1024
BATCH = 100
LOOK_EVERY = 1.0  # seconds: a wake-up may be lost with its connection
PAUSE = 0.5  # seconds until the database is asked again

Deliver = Callable[[PassedSignal], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signal from a member here to one on another instance."""

    recipient: str
    appointment_id: str
    member_from: str
    member_to: str
    body: str = field(repr=False)
    heard: float = field(default_factory=monotonic)

    @property
    def weight(self) -> int:
        return len(self.body) + BESIDES

    @property
    def member(self) -> tuple[str, str]:
        return self.appointment_id, self.member_from


class Passage:
    def __init__(
        self, database: Database, instance: str, keep_seconds: float, log: Log
    ) -> None:
        self._database = database
        self._instance = instance
        self._keep_seconds = keep_seconds
        self._log = log
        self._waiting: deque[tuple[int, Outgoing]] = deque()
        self._weights: Counter[tuple[str, str]] = Counter()  # of what waits, by member
        self._number = 0
        self._something = asyncio.Event()
        self._woken = asyncio.Event()
        self._latest: dict[str, int] = {}  # by sender: what was delivered

    def send(self, signal: Outgoing) -> None:
        """To be passed on. When too much waits the oldest give way.

        A member of whose signals too many wait crowds out nobody else's.
        """
        self._drop_stale()
        if self._weights[signal.member] + signal.weight > MOST_OF_ONE:
            self._say_dropped(1, "overflow")
            return
        self._number += 1
        self._waiting.append((self._number, signal))
        self._weights[signal.member] += signal.weight
        self._drop_overflow()
        UNPASSED.set(len(self._waiting))
        self._something.set()

    async def write(self, published: Callable[[], Awaitable[None]]) -> None:
        """`published` waits until the others know of every member who speaks."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await published()
                await self._write_some()

    async def receive(self, deliver: Deliver) -> None:
        while True:
            with suppress(Unavailable):
                await self._receive(deliver)
            await asyncio.sleep(PAUSE)

    async def _write_some(self) -> None:
        """A try that may have reached the database is made again with its numbers."""
        self._drop_stale()
        batch = list(islice(self._waiting, BATCH))
        try:
            async with self._database.writing() as tx:
                await store.pass_on(tx, list(self._passed(batch)))
        except Unavailable:
            await asyncio.sleep(PAUSE)
        except Exception as error:  # noqa: BLE001 - logged; the other signals go on
            self._log.error("Signals could not be passed on.", **trouble(error))
            self._done(batch, "failed")
        else:
            self._done(batch, "sent")

    def _done(self, batch: Sequence[tuple[int, Outgoing]], result: str) -> None:
        """Some of them may have been dropped while the database was asked."""
        last = batch[-1][0] if batch else 0
        while self._waiting and self._waiting[0][0] <= last:
            self._pop()
            PASSED.labels(result).inc()
        UNPASSED.set(len(self._waiting))

    def _passed(self, batch: Iterable[tuple[int, Outgoing]]) -> Iterable[PassedSignal]:
        for number, each in batch:
            yield PassedSignal(
                recipient=each.recipient,
                sender=self._instance,
                number=number,
                appointment_id=each.appointment_id,
                member_from=each.member_from,
                member_to=each.member_to,
                body=each.body,
                age=monotonic() - each.heard,
            )

    def _drop_stale(self) -> None:
        oldest = monotonic() - self._keep_seconds
        dropped = 0
        while self._waiting and self._waiting[0][1].heard < oldest:
            self._pop()
            dropped += 1
        self._say_dropped(dropped, "expired")

    def _drop_overflow(self) -> None:
        dropped = 0
        while self._weights.total() > MOST_WAITING:
            self._pop()
            dropped += 1
        self._say_dropped(dropped, "overflow")

    def _pop(self) -> None:
        _, signal = self._waiting.popleft()
        self._weights[signal.member] -= signal.weight
        if not self._weights[signal.member]:
            del self._weights[signal.member]

    def _say_dropped(self, count: int, why: str) -> None:
        if not count:
            return
        PASSED.labels(why).inc(count)
        self._log.warning(
            "Signals for members on other instances dropped.", count=count, reason=why
        )

    async def _receive(self, deliver: Deliver) -> None:
        """While the connection lasts. What came before it lies ready in the table."""
        channel = store.channel(self._instance)
        async with self._database.listening(channel, self._hear) as conn:
            while True:
                self._woken.clear()
                while await self._deliver_some(conn, deliver):
                    pass
                await woken(self._woken, LOOK_EVERY)

    def _hear(self, _: str) -> None:
        self._woken.set()

    async def _deliver_some(self, conn: Writer, deliver: Deliver) -> bool:
        """False when nothing lay ready."""
        signals = await store.passed_to(conn, self._instance, BATCH)
        for each in signals:
            if each.number > self._latest.get(each.sender, 0):
                self._latest[each.sender] = each.number
                await self._deliver(each, deliver)
        await store.take(conn, signals)
        return bool(signals)

    async def _deliver(self, signal: PassedSignal, deliver: Deliver) -> None:
        if await deliver(signal):
            PASSED.labels("delivered").inc()
            PASSING_SECONDS.observe(signal.age)
        else:
            PASSED.labels("member_gone").inc()
            self._log.info(
                "Signal from another instance dropped: the member is not here any more.",
                appointment_id=signal.appointment_id,
            )
