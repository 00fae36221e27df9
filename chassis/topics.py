"""Makes the topics of the contract and has each keep what it may: `python -m chassis.topics`.

Waits for Kafka. Safe to run again, and worth it after an upgrade: what is missing is made
and the settings of what is there are brought into line. The number of partitions stays as
it is, for another number would break the order of what was said about an appointment.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import stamina
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis import logs
from chassis.settings import read
from contract.catalogue import kept

WAIT_AT_MOST = timedelta(minutes=5)
# Kafka drops whole segments, so what is kept for days must not lie in one of a week.
SEGMENT = timedelta(days=1)


class TopicSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_servers: str = Field(description="Bootstrap servers, host:port, by comma.")
    topic_partitions: int = Field(
        6, ge=1, description="Partitions of a new topic: instances that share its work."
    )
    topic_copies: int = Field(3, ge=1, description="Brokers that keep a new topic.")
    log_level: str = Field("INFO", description="Least level logged.")


def configuration(keep: timedelta, copies: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": _ms(keep),
        "segment.ms": _ms(SEGMENT),
        # With one copy away, what was acknowledged is still on another.
        "min.insync.replicas": str(max(1, copies - 1)),
    }


async def make_topics(settings: TopicSettings) -> list[str]:
    """Says which topics were new."""
    admin = await _connect(settings.kafka_servers)
    try:
        new = sorted(kept().keys() - set(await admin.list_topics()))
        await create(admin, new, settings.topic_partitions, settings.topic_copies)
        await _adjust(admin, settings.topic_copies)
    finally:
        await admin.close()
    return new


@stamina.retry(
    on=(KafkaError, OSError),
    attempts=None,
    timeout=WAIT_AT_MOST,
    wait_initial=0.5,
    wait_max=5,
)
async def _connect(servers: str) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
    except BaseException:
        await admin.close()
        raise
    return admin


async def create(
    admin: AIOKafkaAdminClient, names: Iterable[str], partitions: int, copies: int
) -> None:
    """Make these topics; one that somebody made meanwhile is fine."""
    answer = await admin.create_topics(
        [NewTopic(name, partitions, copies) for name in names]
    )
    for _, code, *_ in answer.topic_errors:
        if code not in (NoError.errno, TopicAlreadyExistsError.errno):
            raise for_code(code)


async def _adjust(admin: AIOKafkaAdminClient, copies: int) -> None:
    answers = await admin.alter_configs(
        [
            ConfigResource(ConfigResourceType.TOPIC, name, configuration(keep, copies))
            for name, keep in kept().items()
        ]
    )
    for code, *_ in (each for answer in answers for each in answer.resources):
        if code != NoError.errno:
            raise for_code(code)


def _ms(time: timedelta) -> str:
    return str(time // timedelta(milliseconds=1))


def main() -> None:
    settings = read(TopicSettings)
    logs.set_up(settings.log_level)
    new = asyncio.run(make_topics(settings))
    logs.log("topics").info("The topics are there.", new=new, topics=len(kept()))


if __name__ == "__main__":
    main()
