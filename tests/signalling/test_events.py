"""From Kafka into a room, and from a room to Kafka."""

from collections.abc import AsyncIterator

import pytest_asyncio

from chassis.clock import now
from contract.booking import AppointmentCancelled
from contract.catalogue import topics
from contract.envelope import Event, write
from contract.lobby import PatientAdmitted
from contract.signalling import CallEnded, CallStarted
from dev import kafka as kafkas
from tests.chassis.kafka import publish, said
from tests.signalling.pages import House, Visit


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(
    house: House, database_url: str, kafka: kafkas.Cluster
) -> AsyncIterator[str]:
    """A Kafka that signalling listens to."""
    await kafkas.create_topics(kafka.servers, topics())
    settings = house.settings(
        database_url, kafka_servers=kafka.servers, kafka_fetch_wait_ms=20
    )
    async with house.running(settings):
        yield kafka.servers


async def _say(servers: str, speaker: str, event: Event) -> None:
    message = write(event.told_by(speaker, now()))
    await publish(
        servers, message.topic, message.value, list(message.headers), message.key
    )


async def test_a_call_from_the_lobbys_word_to_its_cancellation(
    house: House, visit: Visit, servers: str
) -> None:
    patient = await house.patient(visit)
    await patient.say(type="hello")
    await patient.until("waiting")
    admitted = PatientAdmitted.model_validate(
        {
            "appointment_id": visit.appointment,
            "person_id": visit.patient,
            "professional_id": visit.professional,
            "at": now(),
        }
    )
    for _ in range(2):
        await _say(servers, "lobby", admitted)
    await patient.welcomed()
    professional = await house.professional(visit)
    await professional.hello()
    cancelled = AppointmentCancelled(appointment_id=visit.appointment, sequence=1)
    await _say(servers, "booking-system", cancelled)
    for page in (patient, professional):
        assert (await page.refusal())[0] == "appointment_cancelled"

    for kind in (CallStarted, CallEnded):
        (record,) = await said(
            servers,
            kind.topic,
            lambda each: each.key == visit.appointment.encode(),
            count=1,
        )
        assert dict(record.headers)["ce_type"] == kind.type().encode()
