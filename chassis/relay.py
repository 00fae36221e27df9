"""From the outbox to Kafka: one relay at work per service, woken by NOTIFY.

A batch is published whole before it is deleted, so a crash repeats and never loses;
the hearers' inboxes make repetition harmless. Order holds per key: rows are numbered in
commit order (see `outbox`), sent in that order, and the producer is idempotent.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis.database import Database, Writer
from chassis.logs import Log, trouble
from chassis.metrics import OUTBOX_AGE, RELAYED
from chassis.producing import producing
from chassis.refusal import Unavailable
from chassis.waiting import woken

BATCH = 200
LOOK_EVERY = 1.0  # seconds: a wake-up may be lost with its connection
MEASURE_EVERY = 5.0


class Relay:
    def __init__(self, database: Database, servers: str, log: Log) -> None:
        self._database = database
        self._servers = servers
        self._log = log
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; raises `Unavailable` with PostgreSQL or Kafka."""
        channel = f"{self._database.schema}_outbox"
        async with self._database.listening(
            channel, lambda _: self._woken.set()
        ) as conn:
            await self._alone(conn)
            try:
                await self._relay(conn)
            except KafkaError as error:
                self._log.warning("Kafka takes no events.", **trouble(error))
                raise Unavailable("Kafka does not answer.") from error

    async def watch(self) -> None:
        """Measure how long the oldest event has waited, also when Kafka takes none."""
        while True:
            with suppress(Unavailable):
                OUTBOX_AGE.labels(self._database.schema).set(await self._age())
            await asyncio.sleep(MEASURE_EVERY)

    async def _age(self) -> float:
        async with self._database.reading() as tx:
            age = await tx.fetchval(
                """
                SELECT extract(epoch FROM clock_timestamp() - recorded_at)
                  FROM outbox ORDER BY id LIMIT 1
                """
            )
        return float(age or 0)

    async def _relay(self, conn: Writer) -> None:
        name = f"{self._database.schema}-relay"
        async with producing(self._servers, name) as producer:
            while True:
                self._woken.clear()
                while await self._publish(conn, producer):
                    pass
                await woken(self._woken, LOOK_EVERY)

    async def _alone(self, conn: Writer) -> None:
        """Only one instance relays; the others stand by. The lock goes with its holder."""
        while not await conn.fetchval(  # noqa: ASYNC110 - the other end is in PostgreSQL
            "SELECT pg_try_advisory_lock(hashtextextended(current_schema || '/relay', 0))"
        ):
            await asyncio.sleep(LOOK_EVERY)

    async def _publish(self, conn: Writer, producer: AIOKafkaProducer) -> bool:
        rows = await conn.fetch(
            """
            SELECT id, topic, key, value, headers FROM outbox ORDER BY id LIMIT $1
            """,
            BATCH,
        )
        if not rows:
            return False
        await _send(producer, rows)
        await conn.execute(
            "DELETE FROM outbox WHERE id = ANY($1)", [row["id"] for row in rows]
        )
        RELAYED.labels(self._database.schema).inc(len(rows))
        return True


async def _send(producer: AIOKafkaProducer, rows: Sequence[Any]) -> None:
    sent = [
        await producer.send(
            row["topic"],
            value=row["value"],
            key=row["key"],
            headers=[(k, v.encode()) for k, v in json.loads(row["headers"]).items()],
        )
        for row in rows
    ]
    await asyncio.gather(*sent)
