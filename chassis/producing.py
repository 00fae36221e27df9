"""Kafka, as we speak to it: what is acknowledged is there, once and in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

STOP_SECONDS = 5.0


@asynccontextmanager
async def producing(servers: str, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer; raises `KafkaError` when Kafka is away.

    With idempotence it never gives up a message: whoever waits decides for how long.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        client_id=name,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        request_timeout_ms=10_000,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await _let_go(producer)


async def _let_go(producer: AIOKafkaProducer) -> None:
    """Without its last words, which nobody waits for any more.

    Its own `stop` waits for them, and an idempotent producer never gives up: left to
    itself it would go on beside its successor, and say it all once more.
    """
    await producer.client.close()
    sender = producer._sender and producer._sender.sender_task  # noqa: SLF001 - see above
    if sender is not None:
        sender.cancel()
        await asyncio.wait([sender], timeout=STOP_SECONDS)
    producer._closed = True  # noqa: SLF001 - else it warns of a forgotten `stop`
