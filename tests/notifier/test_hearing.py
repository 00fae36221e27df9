"""From Kafka to the page: every event that the sign on the door names."""

import re
from typing import Any
from uuid import uuid4

import services.notifier
from chassis.clock import now
from chassis.foundation import BUS
from contract.catalogue import topics
from contract.envelope import Event, write
from contract.invitation import InvitationFailed, Kind
from contract.lobby import (
    AppointmentMissed,
    AppointmentUnserved,
    MessageRead,
    MessageSent,
    PatientAway,
    PatientBack,
    PatientLeft,
    PatientReturned,
    PatientSummoned,
)
from contract.signalling import CallEnded, CallStarted, EndedBy
from dev import kafka as kafkas
from tests.chassis.conftest import NINE
from tests.chassis.kafka import publish
from tests.keys import HOUR, a_professional, a_visit
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
from tests.notifier.streams import Listener

MESSAGE = uuid4()


def _events(appointment: str) -> tuple[Event, ...]:
    """One of each, the booking first."""
    of_it: dict[str, Any] = {"appointment_id": appointment, "source": "/lobby"}
    of_a_person = {**of_it, "person_id": PATIENT, "at": NINE}
    return (
        booked(appointment),
        moved(appointment),
        cancelled(appointment),
        InvitationFailed(**of_it, kind=Kind.INVITATION, reason="mailbox_unknown"),
        identified(appointment),
        waiting(appointment),
        PatientLeft(**of_a_person, unit_id="u1"),
        admitted(appointment),
        refused("technical", appointment),
        PatientReturned(**of_a_person, professional_id="p1", reason="other"),
        PatientAway(**of_a_person, unit_id="u1"),
        PatientBack(**of_a_person, unit_id="u1"),
        PatientSummoned(**of_a_person, professional_id="p1", until=NINE),
        MessageSent(**of_a_person, message_id=MESSAGE, professional_id="p1"),
        MessageRead(**of_a_person, message_id=MESSAGE),
        delayed(10, appointment),
        AppointmentMissed(**of_it, at=NINE),
        AppointmentUnserved(**of_it, at=NINE, waiting_since=NINE),
        CallStarted(**of_it, at=NINE),
        CallEnded(**of_it, at=NINE, seconds=600, ended_by=EndedBy.PATIENT),
    )


async def _say(servers: str, event: Event) -> None:
    message = write(event.told_by(event.source.strip("/"), now()))
    await publish(servers, message.topic, message.value, list(message.headers))


async def _of(page: Listener, appointment: str, count: int) -> list[dict[str, Any]]:
    """Other tests speak on the same Kafka, and of the same unit."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        [notice] = await page.notices(1)
        found += [notice] if notice["appointment_id"] == appointment else []
    return found


async def test_what_is_said_on_kafka_is_told_to_pages(
    house: House, kafka: kafkas.Cluster
) -> None:
    await kafkas.create_topics(kafka.servers, topics())
    house.kafka = kafka.servers
    server = await house.instance()
    name = str(uuid4())
    staff, visit = a_professional(NINE + HOUR, "u1"), a_visit(NINE + HOUR, name)
    events = _events(name)
    wanted = {event.topic for event in events}
    async with (
        house.listening(server, staff) as professional,
        house.listening(server, visit) as patient,
    ):
        await professional.snapshot()
        await patient.snapshot()
        await _say(kafka.servers, events[0])
        to_patient = await patient.notices(1)
        for event in events[1:]:  # Kafka promises no order between topics
            await _say(kafka.servers, event)
        to_patient += await patient.notices(len(events) - 2)
        to_staff = await _of(professional, name, len(events))
        assert {each["topic"] for each in to_staff} == wanted
        assert {each["topic"] for each in to_patient} == wanted - {"invitation.failed"}
        [ended] = [each for each in to_staff if each["topic"] == "call.ended"]
        assert (ended["seconds"], ended["ended_by"]) == (600, "patient")
        [failed] = [each for each in to_staff if each["topic"] == "invitation.failed"]
        assert failed["reason"] == "mailbox_unknown"
        [written] = [each for each in to_staff if each["topic"] == "message.sent"]
        assert set(written) == {"id", "appointment_id", "at", "person_id", "topic"}


def test_the_sign_on_the_door_says_what_is_heard(house: House) -> None:
    sign = services.notifier.__doc__ or ""
    heard = re.search(r"Hears(.*?)Says", sign, re.DOTALL)
    assert heard is not None
    named = set(re.findall(r"[a-z]+\.[a-z]+", heard[1]))
    assert named == house.app()[BUS].heard == {event.topic for event in _events("a-1")}
