"""The topics of the contract, made on a real Kafka."""

import asyncio
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from chassis.topics import TopicSettings, configuration, kept, make_topics
from contract.catalogue import CATALOGUE, PERSONAL_KEPT, topics
from dev.kafka import apache


def test_what_is_personal_is_kept_for_days_and_not_weeks() -> None:
    personal = {entry.event.topic for entry in CATALOGUE if entry.personal}
    parked = {name for name in topics() if name.startswith("parked.")}
    assert all(kept()[name] == PERSONAL_KEPT for name in personal | parked)
    assert timedelta(days=7) > PERSONAL_KEPT


def test_every_topic_of_the_contract_is_made() -> None:
    assert set(kept()) == set(topics())


def test_one_lost_copy_stops_nothing_and_two_copies_have_what_was_acknowledged() -> (
    None
):
    assert configuration(PERSONAL_KEPT, 3)["min.insync.replicas"] == "2"
    assert configuration(PERSONAL_KEPT, 1)["min.insync.replicas"] == "1"


async def retention(admin: AIOKafkaAdminClient, name: str) -> str:
    asked = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": None})
    answer = await admin.describe_configs([asked])
    entries = answer[0].resources[0][4]
    return str(entries[0][1])


async def test_topics_are_made_once_and_their_settings_kept_in_line() -> None:
    async with apache() as kafka:
        settings = TopicSettings(
            kafka_servers=kafka.servers, topic_partitions=2, topic_copies=1
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic("appointment.booked", 1, 1)])
            assert "appointment.booked" not in await make_topics(settings)
            assert await make_topics(settings) == []
            five_days = str(PERSONAL_KEPT // timedelta(milliseconds=1))
            async with asyncio.timeout(20):  # a broker learns of it a little later
                while await retention(admin, "appointment.booked") != five_days:  # noqa: ASYNC110 - one has to ask
                    await asyncio.sleep(0.1)
            assert set(topics()) <= set(await admin.list_topics())
        finally:
            await admin.close()
