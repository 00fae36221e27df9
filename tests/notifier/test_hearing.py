"""From Kafka to the page: every event that the sign on the door names."""

import re

import services.notifier
from chassis.clock import now
from chassis.foundation import BUS
from contract.catalogue import topics
from contract.envelope import Event, write
from contract.invitation import InvitationFailed, Kind
from contract.lobby import AppointmentMissed, PatientLeft, PatientReturned
from contract.signalling import CallEnded, CallStarted, EndedBy
from dev import kafka as kafkas
from tests.chassis.conftest import NINE
from tests.chassis.kafka import publish
from tests.chassis.keys import HOUR, a_professional, a_visit
from tests.notifier.conftest import House
from tests.notifier.events import (
    PATIENT,
    admitted,
    booked,
    cancelled,
    delayed,
    identified,
    moved,
    refused,
    waiting,
)

OF_A_PERSON = {
    "source": "/lobby",
    "appointment_id": "a-1",
    "person_id": PATIENT,
    "at": NINE,
}

EVENTS: tuple[Event, ...] = (
    booked(),
    InvitationFailed(
        source="/invitation",
        appointment_id="a-1",
        kind=Kind.INVITATION,
        reason="mailbox_unknown",
    ),
    identified(),
    waiting(),
    PatientLeft(**OF_A_PERSON, unit_id="u1"),
    admitted(),
    refused("technical"),
    PatientReturned(**OF_A_PERSON, professional_id="p1", reason="other"),
    delayed(10),
    CallStarted(source="/signalling", appointment_id="a-1", at=NINE),
    CallEnded(
        source="/signalling",
        appointment_id="a-1",
        at=NINE,
        seconds=600,
        ended_by=EndedBy.PATIENT,
    ),
    moved(),
    AppointmentMissed(source="/lobby", appointment_id="a-1", at=NINE),
    cancelled(),
)


async def _say(servers: str, event: Event) -> None:
    message = write(event.told_by(event.source.strip("/"), now()))
    await publish(servers, message.topic, message.value, list(message.headers))


async def test_what_is_said_on_kafka_is_told_to_pages(
    house: House, kafka: kafkas.Cluster
) -> None:
    await kafkas.create_topics(kafka.servers, topics())
    house.kafka = kafka.servers
    server = await house.instance()
    staff, visit = a_professional(NINE + HOUR, "u1"), a_visit(NINE + HOUR)
    wanted = {event.topic for event in EVENTS}
    async with (
        house.listening(server, staff) as professional,
        house.listening(server, visit) as patient,
    ):
        await professional.snapshot()
        await patient.snapshot()
        await _say(kafka.servers, EVENTS[0])
        to_staff, to_patient = await professional.notices(1), await patient.notices(1)
        for event in EVENTS[1:]:  # Kafka promises no order between topics
            await _say(kafka.servers, event)
        to_staff += await professional.notices(len(EVENTS) - 1)
        assert {each["topic"] for each in to_staff} == wanted
        to_patient += await patient.notices(len(EVENTS) - 2)
        assert {each["topic"] for each in to_patient} == wanted - {"invitation.failed"}
        [ended] = [each for each in to_staff if each["topic"] == "call.ended"]
        assert (ended["seconds"], ended["ended_by"]) == (600, "patient")
        [failed] = [each for each in to_staff if each["topic"] == "invitation.failed"]
        assert failed["reason"] == "mailbox_unknown"


def test_the_sign_on_the_door_says_what_is_heard(house: House) -> None:
    sign = services.notifier.__doc__ or ""
    heard = re.search(r"Hears(.*?)Says", sign, re.DOTALL)
    assert heard is not None
    named = set(re.findall(r"[a-z]+\.[a-z]+", heard[1]))
    assert named == house.app()[BUS].heard == {event.topic for event in EVENTS}
