"""The service as a process: what it is told, and bookings on its Kafka."""

from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from chassis.clock import now
from contract.envelope import Event, write
from dev import postgres as postgreses
from dev.kafka import ApacheKafka, Cluster
from tests.invitation.office import SECRET


def told(
    database: postgreses.Database, kafka: Cluster | ApacheKafka, smtp_url: str
) -> Mapping[str, str]:
    return {
        "DATABASE_URL": database.services["invitation"],
        "KAFKA_SERVERS": kafka.servers,
        "KAFKA_FETCH_WAIT_MS": "20",
        "PUBLIC_URL": "https://visit.test",
        "SESSION_KEYS_URL": "http://127.0.0.1:1/",
        "LINK_SECRET": SECRET.get_secret_value(),
        "SMTP_URL": smtp_url,
        "SMTP_TLS": "never",
        "MAIL_FROM": "Testi <t@visit.test>",
        "BOUNCE_ADDRESS": "bounces@visit.test",
        "DRAIN_SECONDS": "3",
    }


async def publish(kafka: Cluster | ApacheKafka, *events: Event) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.servers) as producer:
        sent = []
        for event in events:
            said = write(event.told_by("booking-system", now()))
            sent.append(
                await producer.send(
                    said.topic, said.value, key=said.key, headers=list(said.headers)
                )
            )
        for each in sent:
            await each
