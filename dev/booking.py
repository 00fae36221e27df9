"""A unit's booking system, as small as can be: it says what was booked.

It knows the contract only from its documentation, as any other booking system, and
publishes with another Kafka client than the services'. `python -m dev.booking --help`
books, moves or cancels one appointment.
"""

import argparse
import asyncio
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from confluent_kafka import Producer

from chassis.clock import now as clock
from dev.persons import (
    PROFESSIONALS,
    Person,
    Professional,
    Unit,
    person,
    persons,
    professional,
)

SOURCE = "/booking"
HELSINKI = ZoneInfo("Europe/Helsinki")
LENGTH = timedelta(hours=1)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
DEMO_KAFKA = Path(__file__).parents[1] / ".demo" / "kafka"
PATIENCE = 30  # seconds until publishing is given up


class NotPublished(Exception):
    """Kafka has not taken every event."""


@dataclass(frozen=True)
class Said:
    """One event, ready to be published; its data do not print."""

    topic: str
    appointment_id: str
    at: datetime
    data: Mapping[str, object] = field(repr=False)
    event_id: str = field(default_factory=lambda: str(uuid4()))

    def headers(self) -> list[tuple[str, bytes]]:
        """CloudEvents 1.0 on Kafka, binary mode."""
        told = {
            "ce_specversion": "1.0",
            "ce_id": self.event_id,
            "ce_source": SOURCE,
            "ce_type": f"{self.topic}.v1",
            "ce_time": _time(self.at),
            "content-type": "application/json",
        }
        return [(name, value.encode()) for name, value in told.items()]

    def value(self) -> bytes:
        return json.dumps({"appointment_id": self.appointment_id, **self.data}).encode()


@dataclass(frozen=True)
class Booking:
    """Who meets whom, and when. A child's guardian comes with the child.

    `interpreter` is asked to come along, by a link of their own. `texts`: the patient
    has agreed to be sent text messages.
    """

    appointment_id: str
    patient: Person
    professional: Professional
    starts_at: datetime
    service: str = "general"
    interpreter: Person | None = None
    texts: bool = False

    def said(self, at: datetime, sequence: int = 0) -> Said:
        patient, guardian = self.patient, self.patient.guardian
        interpreter = self.interpreter
        data = {
            "sequence": sequence,
            "unit": _unit(self.professional.units[0]),
            "service": self.service,
            **_times(self.starts_at),
            "patient": {
                **_person(patient),
                "phone": patient.phone.get_secret_value(),
                "language": patient.language,
                "text_messages": self.texts,
            },
            "professional": {
                "id": self.professional.id,
                "name": self.professional.name,
            },
            "guardians": [] if guardian is None else [_person(guardian)],
            "companions": [] if interpreter is None else [_companion(interpreter)],
        }
        return Said("appointment.booked", self.appointment_id, at, data)


def rescheduled(appointment_id: str, starts_at: datetime, at: datetime) -> Said:
    data = {"sequence": sequence(at), **_times(starts_at)}
    return Said("appointment.rescheduled", appointment_id, at, data)


def cancelled(appointment_id: str, at: datetime) -> Said:
    data = {"sequence": sequence(at)}
    return Said("appointment.cancelled", appointment_id, at, data)


def sequence(at: datetime) -> int:
    """A number that grows with every change, without remembering the last one."""
    return int((at - BEGINNING).total_seconds())


async def publish(servers: str, events: Sequence[Said]) -> None:
    """Returns when Kafka has every event."""
    await asyncio.to_thread(_publish, servers, events)


def _publish(servers: str, events: Sequence[Said]) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for each in events:
        headers: list[tuple[str, str | bytes | None]] = [*each.headers()]
        producer.produce(each.topic, each.value(), each.appointment_id, headers=headers)
    if producer.flush(PATIENCE):
        raise NotPublished("Kafka has not taken every event in time.")


def _unit(unit: Unit) -> dict[str, object]:
    return {
        "id": unit.id,
        "name": {"sv": unit.sv, "fi": unit.fi, "en": unit.en},
        "phone": unit.phone,
        "url": unit.url,
    }


def _person(who: Person) -> dict[str, str]:
    return {
        "national_id": who.national_id.get_secret_value(),
        "name": who.name,
        "email": who.email.get_secret_value(),
    }


def _companion(interpreter: Person) -> dict[str, str]:
    return {
        "name": interpreter.name,
        "email": interpreter.email.get_secret_value(),
        "role": "interpreter",
        "language": interpreter.language,
    }


def _times(starts_at: datetime) -> dict[str, str]:
    return {"starts_at": _time(starts_at), "ends_at": _time(starts_at + LENGTH)}


def _time(moment: datetime) -> str:
    return moment.astimezone(HELSINKI).isoformat(timespec="seconds")


def said(arguments: argparse.Namespace, at: datetime) -> Said:
    """The event that the command line asks for."""
    starts_at = at + timedelta(minutes=arguments.minutes)
    if arguments.cancel:
        return cancelled(arguments.cancel, at)
    if arguments.reschedule:
        return rescheduled(arguments.reschedule, starts_at, at)
    booking = Booking(
        f"book-{secrets.token_hex(4)}",
        person(arguments.person, at.date()),
        professional(arguments.professional),
        starts_at,
        arguments.service,
    )
    return booking.said(at, sequence(at))


def demo_kafka() -> str | None:
    """Where the demo on this machine listens, if one runs."""
    return DEMO_KAFKA.read_text(encoding="utf-8") if DEMO_KAFKA.exists() else None


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    people = [each.key for each in persons(clock().date())]
    employees = [each.key for each in PROFESSIONALS]
    parser = argparse.ArgumentParser(prog="python -m dev.booking", description=__doc__)
    servers = os.environ.get("KAFKA_SERVERS") or demo_kafka()
    parser.add_argument("--kafka", default=servers, required=servers is None)
    parser.add_argument("--person", default="sv", choices=people)
    parser.add_argument("--professional", default="professional", choices=employees)
    parser.add_argument(
        "--service", default="general", choices=["general", "oral_health", "other"]
    )
    parser.add_argument(
        "--in", dest="minutes", type=float, default=0, metavar="MINUTES"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--reschedule", metavar="ID")
    change.add_argument("--cancel", metavar="ID")
    return parser.parse_args(given)


async def main() -> None:
    wanted = arguments()
    event = said(wanted, clock())
    await publish(wanted.kafka, [event])
    print(f"{event.topic} {event.appointment_id}")


if __name__ == "__main__":
    asyncio.run(main())
