"""Kafka, as we hear it: nothing lost, nothing unreadable in the way.

One consumer per service over all its topics: one group member per instance, and so one
rebalance and not ten when an instance comes or goes. Each partition goes on by itself.

    unreadable   parked at once with a reason, and the partition moves on
    failing      tried again with growing pauses, then parked
    away         the database does not answer: Kafka keeps the message until it does
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from chassis.consuming import Member
from chassis.dead_letters import DeadLetters, dead_letters
from chassis.fetch_errors import Kind, is_away, pause
from chassis.logs import Log, trouble
from chassis.metrics import FETCH_ERRORS, HEARD
from chassis.partition import Partition, Record
from chassis.place import Place
from chassis.refusal import Unavailable
from contract.envelope import Event, Unreadable, read

PAUSES = (0.2, 1.0, 5.0)  # seconds before the 2nd, 3rd and 4th try
AWAY_PAUSE = 2.0
ACT_SECONDS = 60.0  # an act that takes longer hangs, and has failed
DRAIN_SECONDS = 20.0  # for what is under way when we stop
FAREWELL_SECONDS = 10.0  # for leaving the group, after what was under way
STILL_SECONDS = 60.0  # without progress, while there is something to hear
FIRST_PAUSE = 0.2  # between two lives of the consumer
LONGEST_PAUSE = 5.0
FAILING = "failing"

AnyEvent = TypeVar("AnyEvent", bound=Event)
Hearer = Callable[[AnyEvent], Awaitable[None]]


class Bus:
    """What one service hears. Register hearers with `hears`, then `run`."""

    def __init__(
        self,
        service: str,
        servers: str,
        fetch_wait_ms: int,
        log: Log,
        *,
        pauses: Sequence[float] = PAUSES,
        away_pause: float = AWAY_PAUSE,
        act_seconds: float = ACT_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
        still_seconds: float = STILL_SECONDS,
    ) -> None:
        self._service = service
        self._servers = servers
        self._pauses = pauses
        self._away_pause = away_pause
        self._act_seconds = act_seconds
        self._drain_seconds = drain_seconds
        self._still_seconds = still_seconds
        self._fetch_wait_ms = fetch_wait_ms
        self._log = log
        self._hearers: dict[type[Event], Hearer[Any]] = {}
        self._letters: DeadLetters | None = None
        self._member: Member | None = None
        self._place = Place(service)

    def hears(
        self, event: type[AnyEvent]
    ) -> Callable[[Hearer[AnyEvent]], Hearer[AnyEvent]]:
        """Have this called for each such event, once or more often.

        It may raise `Unreadable` for what only it can judge: that is parked at once.
        """

        def register(hearer: Hearer[AnyEvent]) -> Hearer[AnyEvent]:
            self._hearers[event] = hearer
            return hearer

        return register

    @property
    def heard(self) -> frozenset[str]:
        """The topics that are listened to."""
        return frozenset(event.topic for event in self._hearers)

    def standing_still(self, seconds: float | None = None) -> list[str]:
        """`topic/partition` of each that for so long had something to hear in vain,
        and the group, when it gave us no place for so long.

        Empty while nothing is known, as when Kafka or the database is away.
        """
        seconds = seconds or self._still_seconds
        partitions = self._member.standing_still(seconds) if self._member else ()
        outside = ["its group"] if self._place.outside >= seconds else []
        return [*outside, *sorted(partitions)]

    async def run(self) -> None:
        """Listen until cancelled; waits for Kafka as long as it takes."""
        try:
            await self._live_on()
        finally:
            self._place.found()  # nobody seeks one

    async def _live_on(self) -> None:
        lives = 0
        while self._hearers:
            begun = time.monotonic()
            try:
                await self._live()
            except (KafkaError, OSError) as error:
                kind = Kind.UNREACHABLE if is_away(error) else Kind.GROUP
                if kind is Kind.UNREACHABLE:
                    self._place.unknown()
                FETCH_ERRORS.labels(self._service, "", kind).inc()
                self._log.error(
                    "The consumer stopped and starts again.",
                    kind=str(kind),
                    **trouble(error),
                )
            if time.monotonic() - begun > LONGEST_PAUSE:
                lives = 0  # a long one makes up for those before it
            await asyncio.sleep(pause(lives, FIRST_PAUSE, LONGEST_PAUSE))
            lives += 1

    async def _live(self) -> None:
        """A new consumer for every life: what fell before leaves nothing behind."""
        async with dead_letters(self._service, self._servers, self._log) as letters:
            self._letters = letters
            self._member = Member(
                self._service,
                self._servers,
                self.heard,
                letters=letters,
                take=self._take,
                log=self._log,
                fetch_wait_ms=self._fetch_wait_ms,
                drain_seconds=self._drain_seconds,
                place=self._place,
            )
            await self._member.run()

    async def _take(self, record: Record, partition: Partition) -> None:
        outcome = await self._hear(record, partition)
        HEARD.labels(self._service, record.topic, outcome).inc()

    async def _hear(self, record: Record, partition: Partition) -> str:
        try:
            event = read(record.headers, record.value, self._hearers)
            if event is None:
                return "passed"
            return await self._act(record, event, partition)
        except Unreadable as unreadable:
            await self._park(record, unreadable.why)
            return "parked"

    async def _act(self, record: Record, event: Event, partition: Partition) -> str:
        tries = iter((*self._pauses, None))
        while True:
            try:
                async with asyncio.timeout(self._act_seconds):
                    await self._hearers[type(event)](event)
            except Unreadable:
                raise  # no pause will make it readable
            except Unavailable:
                HEARD.labels(self._service, record.topic, "away").inc()
                await partition.away(self._away_pause)
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and partition.is_leaving:
                    raise  # by us, and not by what it called
                self._tell_failed(record, error)
                seconds = next(tries)
                if seconds is None:
                    await self._park(record, FAILING)
                    return "parked"
                await partition.pause(seconds)
            else:
                return "acted"

    def _tell_failed(self, record: Record, error: BaseException) -> None:
        HEARD.labels(self._service, record.topic, "failed").inc()
        self._log.error(
            "An event failed.",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            **trouble(error),
        )

    async def _park(self, record: Record, why: str) -> None:
        assert self._letters is not None  # noqa: S101 - opened before anything is heard
        await self._letters.keep(record, why)
