"""A member of a consumer group: each of its partitions goes on by itself.

What is done is committed a moment later, so a crash repeats a little and loses nothing.

Built on what aiokafka documents. Some errors its client keeps to itself: it tries again
without an end or a pause, and tells its own log alone. They show as partitions that ask
in vain for what Kafka has, and as a group without a client that fetches.
"""

import asyncio
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from chassis.dead_letters import DeadLetters
from chassis.fetch_errors import Kind
from chassis.logs import Log, trouble
from chassis.metrics import FETCH_ERRORS, TOPICS_MISSING
from chassis.partition import KAFKA_SECONDS, SILENT_SECONDS, Partition, Take
from chassis.place import Place
from chassis.tied import Tied, cancelled
from chassis.waiting import whole

REQUEST_SECONDS = 6.0  # a broker that takes longer is asked again, or left
# One who asks to join waits so long for all the others: less than for any answer.
REBALANCE_SECONDS = 5.0
HEARTBEAT_SECONDS = 0.5  # of these, until a member hears of it
HAND_OVER_SECONDS = 2.5  # then for what is under way
COMMIT_PAUSE = 0.05  # what is done in it is committed together
COMMIT_SECONDS = 1.5  # then for the last commit
LEAVE_SECONDS = 0.05  # for the client to let go of its requests
TOPICS_EVERY = 30.0
MISSING_EVERY = 2.0
MEASURE_EVERY = 5.0
DEAF_SECONDS = 30.0  # with no partition answered, the client itself is broken
NOWHERE = TopicPartition("", 0)


class Deaf(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """Kafka answers, and yet nothing at all is fetched."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One life of it: it ends by an error, or by being cancelled."""

    def __init__(
        self,
        service: str,
        servers: str,
        topics: frozenset[str],
        *,
        letters: DeadLetters,
        take: Take,
        log: Log,
        fetch_wait_ms: int,
        drain_seconds: float,
        place: Place,
    ) -> None:
        self._service = service
        self._topics = topics
        self._place = place
        self._letters = letters
        self._take = take
        self._log = log
        self._drain_seconds = drain_seconds
        self._hand_over_seconds = min(drain_seconds, HAND_OVER_SECONDS)
        self._progress = asyncio.Event()
        self._giving_up = asyncio.Lock()
        self._partitions: dict[Partition, asyncio.Task[None]] = {}
        self._tied = Tied()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            client_id=service,
            group_id=service,
            auto_offset_reset="none",  # whoever moves us says so: see `Partition`
            enable_auto_commit=False,
            isolation_level="read_committed",  # what was taken back is not heard
            fetch_max_wait_ms=fetch_wait_ms,
            metadata_max_age_ms=int(TOPICS_EVERY * 1000),
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_SECONDS * 1000),
            rebalance_timeout_ms=int(REBALANCE_SECONDS * 1000),
        )

    async def run(self) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            # Cancelled while it first connects, it would leave that connection open.
            await whole(self._consumer.start(), 2 * REQUEST_SECONDS)
            tasks = [
                self._tied.own(self._follow_topics()),
                self._tied.own(self._hear_complaints()),
                self._tied.own(self._keep_committing()),
                self._tied.own(self._keep_measuring()),
            ]
            await self._tied.fall()
        finally:
            await cancelled(tasks)
            await self._give_up(self._drain_seconds)
            await self._leave(started=bool(tasks))

    def standing_still(self, seconds: float) -> frozenset[str]:
        """`topic/partition` of each that for so long had something to hear in vain."""
        return frozenset(
            f"{each.name.topic}/{each.name.partition}"
            for each in self._partitions
            if each.stalled >= seconds
        )

    # What the coordinator of the group says, by aiokafka.

    async def on_partitions_revoked(self, _: Iterable[TopicPartition]) -> None:
        self._place.lost()
        await self._give_up(self._hand_over_seconds)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._place.found()
        for name in assigned:
            partition = Partition(
                name,
                consumer=self._consumer,
                letters=self._letters,
                take=self._take,
                progress=self._progress,
                service=self._service,
                log=self._log,
            )
            self._partitions[partition] = self._tied.own(partition.run())

    async def _hear_complaints(self) -> None:
        """The client raises them to whoever asks next for records.

        This asks for none: a member that has no partition must hear of them, too.
        """
        while True:
            await self._consumer.getmany(NOWHERE, timeout_ms=1000)

    # Topics.

    async def _follow_topics(self) -> None:
        """Hear those that are there, and each other one as soon as it is."""
        subscribed: frozenset[str] = frozenset()
        missing: frozenset[str] | None = None  # an earlier life may have missed some
        while True:
            there = subscribed | await self._there()
            if there > subscribed:
                await self._give_up(self._hand_over_seconds)
                self._place.lost()
                self._consumer.subscribe(topics=sorted(there), listener=self)
                subscribed = there
            if not there:
                self._place.unknown()  # there is nothing to join for
            if missing != self._topics - there:
                missing = self._topics - there
                self._tell_missing(missing)
            await asyncio.sleep(MISSING_EVERY if missing else TOPICS_EVERY)

    async def _there(self) -> frozenset[str]:
        while True:
            try:
                return self._topics & set(await self._consumer.topics())
            except KafkaError as error:
                self._tell_unreachable(error)
                await asyncio.sleep(MISSING_EVERY)

    def _tell_missing(self, topics: Collection[str]) -> None:
        TOPICS_MISSING.labels(self._service).set(len(topics))
        for topic in sorted(topics):
            FETCH_ERRORS.labels(self._service, topic, Kind.TOPIC_MISSING).inc()
            self._log.error(
                "A topic is missing, or this service may not see it.", topic=topic
            )

    # Commits.

    async def _keep_committing(self) -> None:
        while True:
            await self._progress.wait()
            self._progress.clear()
            await self._commit(self._partitions)
            await asyncio.sleep(COMMIT_PAUSE)

    async def _commit(self, partitions: Iterable[Partition]) -> None:
        done = {
            each: each.done
            for each in partitions
            if each.done is not None and each.done != each.committed
        }
        if not done:
            return
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                await self._consumer.commit({each.name: done[each] for each in done})
        except (CommitFailedError, IllegalStateError):
            return  # another's by now, who hears the last ones once more
        except (KafkaError, TimeoutError) as error:
            FETCH_ERRORS.labels(self._service, "", Kind.COMMIT).inc()
            self._log.error("Offsets were not committed.", **trouble(error))
            return
        for each, offset in done.items():
            each.committed = offset

    # Whether it goes on.

    async def _keep_measuring(self) -> None:
        answered_at = time.monotonic()
        while True:
            await asyncio.sleep(MEASURE_EVERY)
            partitions = list(self._partitions)
            ends = await self._ends([each.name for each in partitions])
            for each in partitions:
                if await each.measure(ends.get(each.name)):
                    each.rest()
            # While Kafka itself does not answer, the client cannot be judged.
            if not ends or any(
                each.was_answered(SILENT_SECONDS) for each in partitions
            ):
                answered_at = time.monotonic()
            elif time.monotonic() - answered_at > DEAF_SECONDS:
                raise Deaf

    async def _ends(self, names: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Behind the last record of each, but for those that cannot be known."""
        if not names:
            return {}
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                return dict(await self._consumer.end_offsets(names))
        except (KafkaError, TimeoutError) as error:
            if len(names) == 1:
                self._tell_unreachable(error, *names[0])
                return {}
        # One that is not answered takes the others with it.
        alone = await asyncio.gather(*(self._ends([name]) for name in names))
        return {name: end for each in alone for name, end in each.items()}

    def _tell_unreachable(self, error: Exception, *place: Any) -> None:
        where = dict(zip(("topic", "partition"), place, strict=False))
        topic = where.get("topic", "")
        FETCH_ERRORS.labels(self._service, topic, Kind.UNREACHABLE).inc()
        self._place.unknown()
        self._log.warning("Kafka does not answer.", **where, **trouble(error))

    # The end.

    async def _give_up(self, seconds: float) -> None:
        """All partitions: what is in hand has so long to end, and is committed."""
        async with self._giving_up:
            given_up = dict(self._partitions)
            for partition, task in given_up.items():
                self._tied.free(task)
                if partition.leave():
                    task.cancel()
            if not given_up:
                return
            # Cancelled here, they are still there for the next who gives them up.
            await asyncio.wait(given_up.values(), timeout=seconds)
            await cancelled(given_up.values())
            with suppress(TimeoutError):  # then they are heard once more
                async with asyncio.timeout(COMMIT_SECONDS):
                    await self._commit(given_up)
            for partition in given_up:
                del self._partitions[partition]
                partition.forget()

    async def _leave(self, *, started: bool) -> None:
        """The group, and every connection.

        Unsubscribed first: the client's own `stop` may fall over a fetch that has just
        failed, and would then leave its connections open. It has an end of ours: one
        that comes just when partitions are taken away would wait for good.
        """
        if started:
            self._consumer.unsubscribe()
            await asyncio.sleep(LEAVE_SECONDS)
        try:
            async with asyncio.timeout(2 * REQUEST_SECONDS):
                await self._consumer.stop()
        except Exception as error:  # noqa: BLE001 - we leave, whatever it is
            self._log.warning(
                "Consumer did not leave its group cleanly.", **trouble(error)
            )
