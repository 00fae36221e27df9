"""Listening in on Kafka, and the tasks that a test runs beside itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

PATIENCE = 60
Record = ConsumerRecord[bytes, bytes]


@asynccontextmanager
async def running(work: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.Task[Any]]:
    """The work goes on beside the block, and is cancelled at its end."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def listening(servers: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Somebody who hears all that was ever said on these topics."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=servers,
        group_id=str(uuid4()),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=20,
    )
    async with consumer:
        yield consumer


async def said(
    servers: str, topic: str, wanted: Callable[[Record], bool], count: int
) -> list[Record]:
    """The first so many messages of this topic that are wanted."""
    found: list[Record] = []
    async with listening(servers, topic) as consumer, asyncio.timeout(PATIENCE):
        while len(found) < count:
            record = await consumer.getone()
            if wanted(record):
                found.append(record)
    return found


async def publish(
    servers: str,
    topic: str,
    value: bytes | None,
    headers: list[tuple[str, bytes]],
    key: bytes = b"a-1",
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    async with producer:
        await producer.send_and_wait(topic, value, key=key, headers=headers)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, for what nobody announces."""
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)


def ce_id(record: Record) -> str:
    return dict(record.headers)["ce_id"].decode()
