"""From Kafka to the telephone, through instances that really run."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from chassis.clock import now
from contract.catalogue import topics
from contract.envelope import Event, write
from dev import kafka as kafkas
from dev.mailbox import Post, post_office
from tests.chassis.kafka import publish
from tests.notifier.conftest import House
from tests.notifier.desk import PHONE, away, summoned, waiting_at, who, with_texts

PATIENCE = 120
KNOWN = """
    SELECT count(DISTINCT appointment_id) FROM fact JOIN contact USING (appointment_id)
     WHERE appointment_id = ANY($1) AND topic = 'patient.away' AND phone IS NOT NULL
       AND EXISTS (SELECT FROM fact AS other
                    WHERE other.appointment_id = fact.appointment_id
                      AND other.topic = 'patient.identified')
"""
TAKEN = """
    SELECT count(*) FROM message
     WHERE appointment_id = ANY($1) AND state = 'accepted'
"""


@pytest_asyncio.fixture(loop_scope="session")
async def post() -> AsyncIterator[Post]:
    async with post_office() as running:
        yield running


async def _say(servers: str, *events: Event) -> None:
    for event in events:
        message = write(event.told_by(event.source.strip("/"), now()))
        await publish(servers, message.topic, message.value, list(message.headers))


def _of(appointment: str, *events: Event) -> list[Event]:
    return [
        each.model_copy(
            update={"appointment_id": appointment, "event_id": str(uuid4())}
        )
        for each in events
    ]


async def test_a_summons_on_kafka_becomes_one_text_message(
    house: House, kafka: kafkas.Cluster, post: Post
) -> None:
    """Two instances hear and carry, and each event comes twice."""
    await kafkas.create_topics(kafka.servers, topics())
    house.kafka = kafka.servers
    for _ in range(2):
        await house.instance(
            sms_url=post.sms_url, plain_http_allowed=True, sms_connections=2
        )
    names = [str(uuid4()) for _ in range(5)]
    for name in names:
        before = _of(name, with_texts(), who(), waiting_at(1), away(2))
        await _say(kafka.servers, *before, *before)
    await _known(house, names)
    for name in names:
        event = _of(name, summoned(5))
        await _say(kafka.servers, *event, *event)
    async with asyncio.timeout(PATIENCE):
        await post.texts.until(lambda texts: len(texts) >= len(names))
        await _reach(house, names, TAKEN)
    assert [each.to for each in post.texts.all] == [PHONE] * len(names)
    assert len({each.id for each in post.texts.all}) == len(names)


async def _known(house: House, names: list[str]) -> None:
    """All topics have been read so far: Kafka promises no order between them."""
    async with asyncio.timeout(PATIENCE):
        await _reach(house, names, KNOWN)


async def _reach(house: House, names: list[str], query: str) -> None:
    """The caller sets the time limit."""
    while True:
        async with house.notifier.database.reading() as tx:
            if await tx.fetchval(query, names) == len(names):
                return
        await asyncio.sleep(0.1)
