"""Listening in on Kafka, and the tasks that a test runs beside itself."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.record.util import calc_crc32c

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


# Where things lie in a batch of Kafka's log, counted from its first byte.
LENGTH, CHECKSUM, ATTRIBUTES, RECORDS = 8, 17, 21, 61


def damage(log: Path, which: int, how: Callable[[bytearray], None]) -> None:
    """Change the bytes of one batch in Kafka's own file; its checksum holds after it."""
    whole = bytearray(log.read_bytes())
    start = 0
    for _ in range(which):
        start += 12 + struct.unpack_from(">i", whole, start + LENGTH)[0]
    end = start + 12 + struct.unpack_from(">i", whole, start + LENGTH)[0]
    batch = whole[start:end]
    how(batch)
    struct.pack_into(">I", batch, CHECKSUM, calc_crc32c(bytes(batch[ATTRIBUTES:])))
    _write(log, start, batch)


def spoil(log: Path, which: int, at: int = RECORDS + 3) -> None:
    """Change a byte of one batch in Kafka's own file, and not its checksum."""
    whole = bytearray(log.read_bytes())
    start = 0
    for _ in range(which):
        start += 12 + struct.unpack_from(">i", whole, start + LENGTH)[0]
    _write(log, start + at, bytes([whole[start + at] ^ 0xFF]))


def _write(log: Path, at: int, data: bytes) -> None:
    with log.open("r+b") as file:
        file.seek(at)
        file.write(data)
