"""Kafka, as we speak to it: what is acknowledged is there, once and in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from chassis.waiting import whole

REQUEST_SECONDS = 5.0  # a broker that takes longer is asked again, or left


@asynccontextmanager
async def producing(
    servers: str, name: str, *, enable_idempotence: bool = True
) -> AsyncIterator[AIOKafkaProducer]:
    """A producer; raises `KafkaError` when Kafka is away.

    With idempotence it never gives up a message: whoever waits decides for how long.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        client_id=name,
        acks="all",
        enable_idempotence=enable_idempotence,
        linger_ms=5,
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
    )
    try:
        # Cancelled while it first connects, it would leave that connection open.
        await whole(producer.start(), REQUEST_SECONDS)
        yield producer
    finally:
        await _end(producer)


async def _end(producer: AIOKafkaProducer) -> None:
    """Without its last words, which nobody waits for any more.

    Its own `stop` waits for them, and an idempotent producer never gives up: left to
    itself it would go on beside its successor, and say it all once more. So its client
    sends nothing more, by which what still waits fails, and `stop` has an end. What is
    under way has its `REQUEST_SECONDS`: were the client closed before, the producer
    would wait for ever for news of the cluster that nobody fetches any more.
    """
    producer.client.send = _refuse
    await producer.stop()


async def _refuse(*_: object, **__: object) -> NoReturn:
    raise ProducerClosed
