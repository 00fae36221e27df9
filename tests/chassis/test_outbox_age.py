"""Operations see that events wait, above all when Kafka is the reason."""

import asyncio
from datetime import timedelta

from prometheus_client import REGISTRY

from chassis.clock import now
from chassis.database import Database
from chassis.logs import log
from chassis.outbox import Outbox
from chassis.relay import Relay
from contract.lobby import AppointmentDelayed
from dev.programs import free_port
from tests.chassis.kafka import until


async def measured() -> float:
    value = REGISTRY.get_sample_value(
        "chassis_outbox_oldest_seconds", {"service": "lobby"}
    )
    return value or 0.0


async def test_the_age_of_what_waits_is_measured_while_kafka_is_away(
    room: Database,
) -> None:
    ago = timedelta(minutes=2)
    async with room.writing() as tx:
        await Outbox("lobby", now).record(
            tx, AppointmentDelayed(appointment_id="testi-1", minutes=5)
        )
        await tx.execute(
            "UPDATE outbox SET recorded_at = recorded_at - $1::interval", ago
        )
    relay = Relay(room, f"127.0.0.1:{free_port()}", log("lobby"))
    tasks = [asyncio.create_task(each()) for each in (relay.run, relay.watch)]

    async def told() -> bool:
        return await measured() >= ago.total_seconds()

    await until(told)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)  # the relay may have said that Kafka does not answer
