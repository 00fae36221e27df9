"""Kafka, as we hear it: nothing lost, nothing unreadable in the way.

One consumer per service over all its topics: one group member per instance, and so one
rebalance and not ten when an instance comes or goes.

    unreadable   parked at once with a reason, and the partition moves on
    failing      tried again with growing pauses, then parked
    away         the database does not answer: Kafka keeps the message until it does
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import stamina
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from chassis.logs import Log, trouble
from chassis.metrics import HEARD
from chassis.producing import producing
from chassis.refusal import Unavailable
from contract.catalogue import parked
from contract.envelope import Event, Unreadable, read

PAUSES = (0.2, 1.0, 5.0)  # seconds before the 2nd, 3rd and 4th try
AWAY_PAUSE = 2.0
DRAIN_SECONDS = 20.0  # for what is under way when we stop
FAREWELL_SECONDS = 5.0  # for leaving the group, after what was under way
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
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._service = service
        self._servers = servers
        self._pauses = pauses
        self._away_pause = away_pause
        self._drain_seconds = drain_seconds
        self._fetch_wait_ms = fetch_wait_ms
        self._log = log
        self._hearers: dict[type[Event], Hearer[Any]] = {}
        self._parking: AIOKafkaProducer | None = None

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

    async def run(self) -> None:
        """Listen until cancelled; waits for Kafka as long as it takes."""
        if not self._hearers:
            return
        broker = self._listener()
        async with AsyncExitStack() as opened:
            # First, for whatever is heard may have to be parked.
            async for attempt in _patiently():
                with attempt:
                    self._parking = await opened.enter_async_context(
                        producing(self._servers, f"{self._service}-parking")
                    )
            opened.push_async_callback(self._stop, broker)
            async for attempt in _patiently():
                with attempt:
                    await broker.start()
            await asyncio.Event().wait()

    def _listener(self) -> KafkaBroker:
        """A new one for every run: what fell before leaves nothing behind."""
        # FastStream's own logger prints rejected values, so it is silenced.
        broker = KafkaBroker(
            self._servers,
            client_id=self._service,
            consumer_only=True,  # parking has a producer of its own, and topics a job
            graceful_timeout=self._drain_seconds,
            logger=None,
        )
        subscriber = broker.subscriber(
            *sorted(self.heard),
            group_id=self._service,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            fetch_max_wait_ms=self._fetch_wait_ms,
            max_poll_interval_ms=120_000,
            parser=_tolerant,
            decoder=_as_it_came,
            no_reply=True,
        )

        @subscriber
        async def hear(message: KafkaMessage) -> None:
            record: Any = message.raw_message
            HEARD.labels(self._service, record.topic, await self._hear(record)).inc()

        return broker

    async def _stop(self, broker: KafkaBroker) -> None:
        """Kafka may be away, or wait for another member that is: we wait for neither."""
        try:
            async with asyncio.timeout(self._drain_seconds + FAREWELL_SECONDS):
                await broker.stop()
        except Exception as error:  # noqa: BLE001 - we leave, whatever it is
            self._log.warning(
                "The group was left without a farewell.", **trouble(error)
            )
            for each in broker.subscribers:
                await _let_go(each)

    async def _hear(self, record: "ConsumerRecord[bytes, bytes]") -> str:
        try:
            event = read(record.headers, record.value, self._hearers)
            return "passed" if event is None else await self._act(record, event)
        except Unreadable as unreadable:
            await self._park(record, unreadable.why)
            return "parked"

    async def _act(self, record: "ConsumerRecord[bytes, bytes]", event: Event) -> str:
        for pause in (*self._pauses, None):
            try:
                await self._hearers[type(event)](event)
            except Unreadable:
                raise  # no pause will make it readable
            except Unavailable:
                await asyncio.sleep(self._away_pause)
                HEARD.labels(self._service, record.topic, "away").inc()
                raise NackMessage from None
            except Exception as error:  # noqa: BLE001 - whatever it is, the next event waits
                self._log.error(
                    "An event failed.", topic=record.topic, **trouble(error)
                )
                HEARD.labels(self._service, record.topic, "failed").inc()
                if pause is not None:
                    await asyncio.sleep(pause)
            else:
                return "acted"
        await self._park(record, FAILING)
        return "parked"

    async def _park(self, record: "ConsumerRecord[bytes, bytes]", why: str) -> None:
        """As it came, with where it came from and why it was parked."""
        assert self._parking is not None  # noqa: S101 - opened before anything is heard
        told = {
            "parked-topic": record.topic,
            "parked-partition": str(record.partition),
            "parked-offset": str(record.offset),
            "parked-reason": why,
        }
        headers = [*record.headers, *((k, v.encode()) for k, v in told.items())]
        park = partial(
            self._parking.send_and_wait,
            parked(self._service),
            key=record.key,
            headers=headers,
        )
        try:
            await park(record.value or b"")
        except MessageSizeTooLargeError:  # with our headers; its place says where it is
            await park(b"")
        self._log.error("A message was parked.", topic=record.topic, reason=why)


def _patiently() -> AsyncIterator[stamina.Attempt]:
    """Tries until Kafka is there, however long that takes."""
    return stamina.retry_context(
        on=(KafkaError, OSError),
        attempts=None,
        timeout=None,
        wait_initial=0.2,
        wait_max=5,
    )


async def _let_go(subscriber: Any) -> None:
    """What `stop` had no time for; else it would go on fetching beside its successor."""
    if subscriber.consumer is not None:
        with suppress(KafkaError):
            await subscriber.consumer._fetcher.close()  # noqa: SLF001 - see above
        await subscriber.consumer._client.close()  # noqa: SLF001 - see above


async def _tolerant(
    record: Any, parse: Callable[[Any], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """FastStream decodes headers strictly and loses a message that has a bad one."""
    message = await parse(replace(record, headers=()))
    message.raw_message = record
    return message


async def _as_it_came(message: Any) -> Any:
    """The contract reads the body, not FastStream."""
    return message.body
