"""The example on the page of events does what it says, on a real Kafka."""

import asyncio
import os
import re
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from contract.booking import AppointmentBooked
from contract.envelope import Event, read
from contract.samples import sample
from dev import kafka as kafkas

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/events.md"
BOOKED = sample("appointment.booked.v1")


def example(language: str) -> str:
    (code,) = re.findall(
        rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return str(code)


async def run(code: str, servers: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=ROOT,
        env={**os.environ, "KAFKA_SERVERS": servers},
    )
    assert await process.wait() == 0


async def arrived(servers: str) -> Event | None:
    """The first message on the topic that carries the example's key."""
    consumer = AIOKafkaConsumer(
        AppointmentBooked.topic,
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
    )
    async with consumer, asyncio.timeout(60):
        async for message in consumer:
            if message.key == BOOKED.key.encode():
                return read(message.headers, message.value, [AppointmentBooked])
    return None


async def test_the_example_publishes_a_booking_that_services_read(
    kafka: kafkas.Cluster,
) -> None:
    await kafkas.create_topics(kafka.servers, [AppointmentBooked.topic])
    await run(example("python"), kafka.servers)
    said = await arrived(kafka.servers)
    assert isinstance(said, AppointmentBooked)
    assert said.appointment_id == BOOKED.key
    assert said.source == "/booking-system"
