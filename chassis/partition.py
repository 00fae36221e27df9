"""One partition of ours: its records one after the other, and its errors its own.

Every error of its fetch is logged with its place, counted by kind, and dealt with (see
`fetch_errors`), while the other partitions go on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from chassis.dead_letters import DeadLetters
from chassis.fetch_errors import UNREADABLE, Kind, kind_of, pause
from chassis.logs import Log, trouble
from chassis.metrics import FETCH_ERRORS, LAG, STALLED
from chassis.waiting import woken

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
Take = Callable[[Record, "Partition"], Awaitable[None]]

KAFKA_SECONDS = 5.0  # for one question to Kafka
SILENT_SECONDS = 5.0  # towards a partition that asks all the time
DAMAGED_TRIES = 2  # damage may have come on the way
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 60.0
ANOTHERS = (KafkaError, AssertionError)  # the client's words for: not ours any more


class Left(Exception):
    """The partition is given up; what was in hand is for its next owner."""


class Partition:
    def __init__(
        self,
        name: TopicPartition,
        *,
        consumer: AIOKafkaConsumer,
        letters: DeadLetters,
        take: Take,
        progress: asyncio.Event,
        service: str,
        log: Log,
    ) -> None:
        self.name = name
        self.done: int | None = None  # the offset behind the last record that is done
        self.committed: int | None = None
        self.lag = 0
        self._consumer = consumer
        self._letters = letters
        self._take = take
        self._progress = progress
        self._service = service
        self._log = log
        self._leaving = asyncio.Event()
        self._in_hand: int | None = None
        self._asked_for = 0
        self._progress_at = time.monotonic()
        self._failures = 0
        self._is_pausing = False  # after a failure
        self._polled = 0.0  # as the client says, by the wall clock
        self._polled_at = self._looked_at = time.monotonic()
        self._stepped_over: int | None = None
        self._silences = 0
        self._resting: asyncio.TimerHandle | None = None
        self._is_nowhere = False  # its position is not known

    async def run(self) -> None:
        """Until it is given up. Raises `KafkaError` for an error of the whole group."""
        with suppress(Left):
            while not self.is_leaving:
                await self._next()

    def leave(self) -> bool:
        """Take no more. True when nothing is in hand."""
        self._leaving.set()
        return self._in_hand is None

    @property
    def is_leaving(self) -> bool:
        return self._leaving.is_set()

    def forget(self) -> None:
        """Its next owner measures it."""
        for gauge in (LAG, STALLED):
            gauge.remove(self._service, *self.name)

    async def pause(self, seconds: float) -> None:
        """Before another try. Raises `Left` when the partition is given up meanwhile."""
        if await woken(self._leaving, seconds):
            raise Left

    async def away(self, seconds: float) -> None:
        """A pause for something else that is away: it is not Kafka that stands still."""
        self._progress_at = time.monotonic() + seconds
        await self.pause(seconds)

    @property
    def stalled(self) -> float:
        """Seconds since it last went on, while there is, or may be, something to hear."""
        if not self.lag and not self._is_nowhere:
            return 0.0
        return max(0.0, time.monotonic() - self._progress_at)

    async def measure(self, end: int | None) -> bool:
        """Whether Kafka, whose log ends before `end`, keeps silent towards it."""
        is_silent = await self._measured(end)
        if not self.is_leaving:  # else its next owner measures it
            LAG.labels(self._service, *self.name).set(self.lag)
            STALLED.labels(self._service, *self.name).set(self.stalled)
        return is_silent

    async def _measured(self, end: int | None) -> bool:
        if end is None:  # "cannot know" is not "stands still"
            self._progress_at = time.monotonic()
            return False
        try:
            position = await self._position()
        except (KafkaError, TimeoutError):  # none yet, or it is just being taken
            self._is_nowhere = bool(end)
            return False
        self._is_nowhere = False
        self._asked_for, self.lag = position, max(0, end - position)
        if not self.lag:
            self._progress_at = time.monotonic()
        silence = min(self.stalled, self._silence())
        return bool(self.lag) and self._in_hand is None and silence > SILENT_SECONDS

    def rest(self) -> None:
        """Ask less and less; the client itself would ask again without a pause."""
        if self._resting or self._failures or self.is_leaving:
            return
        with suppress(*ANOTHERS):
            self._consumer.pause(self.name)
            self._silences += 1
            self._tell(Kind.NOT_FETCHED, offset=self._asked_for)
            seconds = pause(self._silences, 1.0, LONGEST_PAUSE)
            loop = asyncio.get_running_loop()
            self._resting = loop.call_later(seconds, self._ask_again)

    def _ask_again(self) -> None:
        self._resting = None
        with suppress(*ANOTHERS):
            self._consumer.resume(self.name)

    def was_answered(self, seconds: float) -> bool:
        """Whether, so long ago at most, Kafka said what it has, or that it has nothing.

        Also when it said no, and when it was not to be asked, since one is in hand.
        """
        asks = self._in_hand is None and not self._is_pausing
        return not asks or self._silence() <= seconds

    def _silence(self) -> float:
        """Seconds since the client was last answered; 0 when it is not asked any more.

        The client tells by the wall clock, which may be set: it is believed only for the
        time since it was looked at before.
        """
        try:
            polled = float(self._consumer.last_poll_timestamp(self.name) or 0)
        except ANOTHERS:
            return 0.0
        now = time.monotonic()
        if polled != self._polled:
            ago = max(0.0, time.time() - polled / 1000)
            self._polled, self._polled_at = polled, max(self._looked_at, now - ago)
        self._looked_at = now
        return now - self._polled_at

    async def _position(self) -> int:
        if self._in_hand is not None:
            return self._in_hand
        async with asyncio.timeout(1):
            return int(await self._consumer.position(self.name))

    async def _next(self) -> None:
        try:
            record = await self._consumer.getone(self.name)
        except Exception as error:  # noqa: BLE001 - sorted by `kind_of`
            await self._unfetched(kind_of(error), error)
            return
        self._failures = self._silences = 0
        self._in_hand = record.offset
        try:
            await self._take(record, self)
        finally:
            self._in_hand = None
        self._is_done(record.offset + 1)

    async def _unfetched(self, kind: Kind, error: Exception) -> None:
        if kind is Kind.GROUP:
            raise error
        if kind in UNREADABLE:
            await self._unreadable(kind, error)
        elif kind in (Kind.NO_POSITION, Kind.OUT_OF_RANGE):
            await self._to_the_oldest(kind, error)
        else:
            self._tell(kind, error)
            await self._pause_longer()

    async def _unreadable(self, kind: Kind, error: Exception) -> None:
        """Try again, for it may have been damaged on the way; then step over it.

        By one: Kafka gives the same batch again, until its last offset is behind us.
        """
        offset = await self._position()
        if kind is Kind.TOO_LARGE:  # the client has stepped over it already
            offset -= 1
        elif offset - 1 != self._stepped_over and self._failures < DAMAGED_TRIES:
            await self._pause_longer()
            return
        self._tell(kind, error, offset=offset)
        self._in_hand = offset
        try:
            await self._letters.keep_place(self.name, offset, UNREADABLE[kind])
        finally:
            self._in_hand = None
        self._consumer.seek(self.name, offset + 1)
        self._is_done(offset + 1)
        self._failures, self._stepped_over = 0, offset

    async def _to_the_oldest(self, kind: Kind, error: Exception) -> None:
        """Kafka keeps nothing at our position: it was dropped, or the topic is another.

        From the oldest record on, then; what was acted on already, the inbox knows.
        """
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                starts = await self._consumer.beginning_offsets([self.name])
        except (KafkaError, TimeoutError) as later:
            self._tell(kind, later)
            await self._pause_longer()
            return
        oldest = starts[self.name]
        if kind is not Kind.NO_POSITION:  # which every new group begins with
            lost = await self._position()
            self._tell(kind, error, offset=lost, goes_on_at=oldest)
        self._consumer.seek(self.name, oldest)

    async def _pause_longer(self) -> None:
        self._failures += 1
        self._is_pausing = True
        try:
            await self.pause(pause(self._failures - 1, FIRST_PAUSE, LONGEST_PAUSE))
        finally:
            self._is_pausing = False

    def _is_done(self, behind: int) -> None:
        self.done = behind
        self._progress_at = time.monotonic()
        self._progress.set()

    def _tell(self, kind: Kind, error: Exception | None = None, **places: int) -> None:
        FETCH_ERRORS.labels(self._service, self.name.topic, kind).inc()
        self._log.error(
            "Kafka gave no record.",
            kind=str(kind),
            topic=self.name.topic,
            partition=self.name.partition,
            **places,
            **(trouble(error) if error else {}),
        )
