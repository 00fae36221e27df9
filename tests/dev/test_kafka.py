"""What we use of Kafka works on Apache Kafka 4, and on the built-in cluster too.

aiokafka's own tests stop at Kafka 2.8, so these are ours.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError
from confluent_kafka import Consumer, Message, Producer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from dev import kafka as kafkas

PATIENCE = 30


@pytest_asyncio.fixture(params=["real", "built-in"], loop_scope="session")
async def cluster(
    request: pytest.FixtureRequest, kafka: kafkas.Cluster
) -> AsyncIterator[kafkas.Cluster]:
    if request.param == "real":
        yield kafka
    else:
        async with kafkas.built_in() as built_in:
            yield built_in


@pytest_asyncio.fixture(loop_scope="session")
async def topic(cluster: kafkas.Cluster) -> str:
    name = f"test.{uuid4()}"
    await kafkas.create_topics(cluster.servers, [name])
    return name


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node() -> AsyncIterator[kafkas.ApacheKafka]:
    """A node of our own: what happens to it must not happen to other tests."""
    async with kafkas.apache() as own:
        yield own


async def _publish(servers: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True
    )
    async with producer:
        for value in values:
            headers = [("ce_id", value)]
            await producer.send_and_wait(topic, value, key=b"a-1", headers=headers)


def _consumer(servers: str, topic: str, group: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=20,
    )


async def _next(consumer: AIOKafkaConsumer) -> ConsumerRecord[bytes, bytes]:
    return await asyncio.wait_for(consumer.getone(), PATIENCE)


async def _all(servers: str, topic: str, count: int) -> list[bytes]:
    async with _consumer(servers, topic, str(uuid4())) as consumer:
        return [(await _next(consumer)).value or b"" for _ in range(count)]


async def test_an_idempotent_producer_keeps_the_order_of_one_key(
    cluster: kafkas.Cluster, topic: str
) -> None:
    values = [str(number).encode() for number in range(20)]
    await _publish(cluster.servers, topic, *values)
    assert await _all(cluster.servers, topic, 20) == values


async def test_key_and_headers_arrive_as_they_were_sent(
    cluster: kafkas.Cluster, topic: str
) -> None:
    await _publish(cluster.servers, topic, b"one")
    async with _consumer(cluster.servers, topic, "reader") as consumer:
        record = await _next(consumer)
    assert record.key == b"a-1"
    assert record.headers == (("ce_id", b"one"),)


async def test_a_group_goes_on_behind_what_it_committed(
    cluster: kafkas.Cluster, topic: str
) -> None:
    await _publish(cluster.servers, topic, b"one", b"two")
    async with _consumer(cluster.servers, topic, "group") as first:
        record = await _next(first)
        place = TopicPartition(record.topic, record.partition)
        await first.commit({place: record.offset + 1})
    async with _consumer(cluster.servers, topic, "group") as second:
        assert (await _next(second)).value == b"two"


async def test_faststream_hears_again_what_failed(
    cluster: kafkas.Cluster, topic: str
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    broker = KafkaBroker(cluster.servers, logger=None)

    @broker.subscriber(
        topic,
        group_id="faststream",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    async def hear(message: KafkaMessage) -> None:
        heard.put_nowait(message.body)
        if heard.qsize() == 1:
            raise ValueError("once")

    async with broker:
        await broker.start()
        await _publish(cluster.servers, topic, b"one")
        async with asyncio.timeout(PATIENCE):
            while heard.qsize() < 2:  # noqa: ASYNC110 - both stay in the queue
                await asyncio.sleep(0.01)
    assert heard.get_nowait() == heard.get_nowait() == b"one"


async def test_another_client_publishes_and_hears(
    cluster: kafkas.Cluster, topic: str
) -> None:
    await asyncio.to_thread(_publish_otherwise, cluster.servers, topic)
    assert await _all(cluster.servers, topic, 1) == [b"from librdkafka"]
    heard = await asyncio.to_thread(_hear_otherwise, cluster.servers, topic)
    assert heard.value() == b"from librdkafka"
    assert heard.headers() == [("ce_id", b"1")]


def _publish_otherwise(servers: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    producer.produce(topic, b"from librdkafka", b"a-1", headers=[("ce_id", b"1")])
    assert producer.flush(PATIENCE) == 0


def _hear_otherwise(servers: str, topic: str) -> Message:
    settings = {
        "bootstrap.servers": servers,
        "group.id": "librdkafka",
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    try:
        message = consumer.poll(PATIENCE)
    finally:
        consumer.close()
    assert message is not None
    return message


async def test_topics_are_made_once(cluster: kafkas.Cluster, topic: str) -> None:
    await _publish(cluster.servers, topic, b"kept")
    await kafkas.create_topics(cluster.servers, [topic])
    assert await _all(cluster.servers, topic, 1) == [b"kept"]


async def test_a_topic_nobody_made_is_refused(node: kafkas.ApacheKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=node.servers)
    await admin.start()
    try:
        [described] = await admin.describe_topics(["never.made"])
    finally:
        await admin.close()
    assert described["error_code"] == UnknownTopicOrPartitionError.errno


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_what_was_published_is_there_after_a_restart(
    node: kafkas.ApacheKafka, ending: str
) -> None:
    topic = f"kept.{ending}"
    await kafkas.create_topics(node.servers, [topic])
    await _publish(node.servers, topic, b"before")
    await getattr(node, ending)()
    assert not await kafkas.answers(node.servers)
    await node.start()
    await _publish(node.servers, topic, b"after")
    assert await _all(node.servers, topic, 2) == [b"before", b"after"]


async def test_clients_outlive_an_outage(node: kafkas.ApacheKafka) -> None:
    await kafkas.create_topics(node.servers, ["outage"])
    producer = AIOKafkaProducer(
        bootstrap_servers=node.servers, acks="all", enable_idempotence=True
    )
    async with _consumer(node.servers, "outage", "patient") as consumer, producer:
        await producer.send_and_wait("outage", b"before", key=b"a-1")
        assert (await _next(consumer)).value == b"before"
        await node.stop()
        sending = await producer.send("outage", b"during", key=b"a-1")
        assert not sending.done()
        await node.start()
        await asyncio.wait_for(sending, PATIENCE)
        assert (await _next(consumer)).value == b"during"


async def test_a_frozen_node_answers_when_thawed(node: kafkas.ApacheKafka) -> None:
    await kafkas.create_topics(node.servers, ["frozen"])
    producer = AIOKafkaProducer(
        bootstrap_servers=node.servers, acks="all", enable_idempotence=True
    )
    async with producer:
        await producer.partitions_for("frozen")
        node.freeze()
        sending = await producer.send("frozen", b"one", key=b"a-1")
        done, _ = await asyncio.wait([sending], timeout=0.5)
        assert not done
        node.thaw()
        await asyncio.wait_for(sending, PATIENCE)
