"""What could not be acted on, put aside where an operator finds it: `parked.<service>`.

Each one says in its headers where it lay (topic, partition, offset) and why it is here;
so does the log. What Kafka does not take as a dead letter lies where it lay: the log
and a metric say so, and the partition goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from chassis.logs import Log, trouble
from chassis.metrics import DEAD_LETTERS_REFUSED
from chassis.producing import producing
from contract.catalogue import parked
from contract.envelope import Lost

Headers = Sequence[tuple[str, bytes]]
Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
AGAIN_AFTER = 1.0  # seconds, while Kafka does not answer
NO_TOPIC = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError)


class DeadLetters:
    def __init__(self, service: str, producer: AIOKafkaProducer, log: Log) -> None:
        self._service = service
        self._topic = parked(service)
        self._producer = producer
        self._log = log

    async def keep(self, record: Record, why: str) -> None:
        """As it came, with where it came from and why it is here."""
        place = _place(record.topic, record.partition, record.offset, why)
        headers = [*record.headers, *place]
        await self._keep(
            place,
            (record.key, record.value or b"", headers),
            (record.key, b"", headers),  # its place says where the value is
            (None, b"", place),
        )

    async def keep_place(self, name: TopicPartition, offset: int, why: Lost) -> None:
        """Of what could not be read: where it lies, and why it is here."""
        place = _place(name.topic, name.partition, offset, why)
        await self._keep(place, (None, b"", place))

    async def _keep(
        self, place: Headers, *forms: tuple[bytes | None, bytes, Headers]
    ) -> None:
        """In the first form that Kafka takes; the fullest one comes first."""
        told = {name.removeprefix("parked-"): value.decode() for name, value in place}
        refused = MessageSizeTooLargeError()
        for form in forms:
            try:
                await self._send(*form)
            except MessageSizeTooLargeError:
                continue
            except NO_TOPIC as error:
                refused = error
                break
            self._log.error("A message was parked.", **told)
            return
        DEAD_LETTERS_REFUSED.labels(self._service, told["topic"]).inc()
        self._log.error(
            "Kafka refused a dead letter; the message is only where it lies.",
            **told,
            **trouble(refused),
        )

    async def _send(self, key: bytes | None, value: bytes, headers: Headers) -> None:
        while True:
            try:
                await self._producer.send_and_wait(
                    self._topic, value, key=key, headers=headers
                )
            except KafkaError as error:
                if await self._is_final(error):
                    raise
                self._log.warning("A dead letter has to wait.", **trouble(error))
                await asyncio.sleep(AGAIN_AFTER)
            else:
                return

    async def _is_final(self, error: KafkaError) -> bool:
        """Whether Kafka refuses it, or the producer itself has ended."""
        if isinstance(error, UnknownTopicOrPartitionError):
            return await self._is_missing()
        if isinstance(error, BrokerResponseError):
            return isinstance(
                error, MessageSizeTooLargeError | TopicAuthorizationFailedError
            )
        return not error.retriable

    async def _is_missing(self) -> bool:
        """Asked anew: the client says so, too, when no broker has answered it."""
        try:
            known = await self._producer.client.fetch_all_metadata()
        except KafkaError:  # "cannot know" is not "no"
            return False
        return self._topic not in known.topics()


@asynccontextmanager
async def dead_letters(
    service: str, servers: str, log: Log
) -> AsyncIterator[DeadLetters]:
    """Raises `KafkaError` when Kafka is away.

    Without idempotence: a producer with it never recovers from a letter that was
    refused, and one dead letter twice does no harm.
    """
    name = f"{service}-dead-letters"
    async with producing(servers, name, enable_idempotence=False) as producer:
        yield DeadLetters(service, producer, log)


def _place(topic: str, partition: int, offset: int, why: str) -> Headers:
    return [
        ("parked-topic", topic.encode()),
        ("parked-partition", str(partition).encode()),
        ("parked-offset", str(offset).encode()),
        ("parked-reason", why.encode()),
    ]
