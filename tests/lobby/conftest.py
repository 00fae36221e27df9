"""A lobby over real PostgreSQL, with a clock that the test winds."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from prometheus_client import REGISTRY
from pydantic import SecretStr

from chassis import audit
from chassis.database import Database
from chassis.migrations import migrate
from chassis.outbox import Outbox
from chassis.sessions import SigningKey, StaffSession, VisitSession
from contract.booking import AppointmentBooked
from contract.signalling import CallStarted
from dev import postgres as postgreses
from services.lobby.absences import Absences
from services.lobby.delays import Delays
from services.lobby.flows import Lobby
from services.lobby.messages import Messages
from services.lobby.place import Place, Seen
from tests.keys import pem

TEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # ten o'clock in Finland
HALF_HOUR = timedelta(minutes=30)
GRACE = timedelta(minutes=3)
FIRST_SLOT = {"starts_at": "2026-11-23T08:00:00Z", "sequence": 0}  # of `booking`
_numbers = count(1)


class Clock:
    """Shows what the test says."""

    def __init__(self) -> None:
        self.at = TEN

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


class Room:
    """The lobby, its clock, and short ways to say what happens in a test."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.origin = "https://visit.test"
        common = (database, Outbox("lobby", self.clock), self.clock)
        self.absences = Absences(*common, GRACE)
        self.messages = Messages(*common, new_id=uuid4)
        self.delays = Delays(*common)
        self.lobby = Lobby(
            *common,
            key=SigningKey(pem(), self.origin, self.clock),
            join_after_end=timedelta(minutes=15),
            present_for=timedelta(seconds=20),
            keep_visits=timedelta(days=30),
            absences=self.absences,
        )

    async def booked(self, **changes: Any) -> AppointmentBooked:
        said = booking(**changes)
        await self.lobby.changed(said)
        return said

    async def waiting(self, **changes: Any) -> tuple[VisitSession, Place]:
        """Someone who waits at a visit of their own, and their place."""
        them = session((await self.booked(**changes)).appointment_id)
        return them, (await self.lobby.ask(them)).place

    async def in_call(self, by: StaffSession, **changes: Any) -> VisitSession:
        """Someone whom this professional has let in, and talks with."""
        them, place = await self.waiting(**changes)
        await self.lobby.admit(by, seen(place))
        started = CallStarted(appointment_id=them.appointment, at=self.clock())
        await self.lobby.call_started(started)
        return them

    async def shown(self, them: VisitSession) -> Place:
        """The place as the queue shows it to staff of the unit."""
        for _, places in (await self.lobby.queue(staff())).visits:
            for place in places:
                if str(place.person.person_id) == them.sub:
                    return place
        raise AssertionError("Nobody is there by that name.")

    async def told(self, topic: str) -> list[dict[str, Any]]:
        """What was said on one topic, in order."""
        async with self.database.reading() as tx:
            found = await tx.fetch(
                "SELECT value FROM outbox WHERE topic = $1 ORDER BY id", topic
            )
        return [json.loads(row["value"]) for row in found]

    async def trail(self, appointment_id: str) -> list[tuple[Any, ...]]:
        """Who did what to whom, with which code."""
        async with self.database.reading() as tx:
            lines = await audit.of_appointment(tx, appointment_id)
        kept = [each.line for each in lines]
        return [(line.who, line.what, line.whom, line.code) for line in kept]

    async def said(self) -> list[str]:
        """The topics in the outbox, in order."""
        async with self.database.reading() as tx:
            rows = await tx.fetch("SELECT topic FROM outbox ORDER BY id")
        return [row["topic"] for row in rows]


def seen(place: Place) -> Seen:
    """As a professional's page shows it."""
    return Seen(place.appointment_id, place.person.person_id, place.version)


def counter(name: str, **labels: str) -> float:
    """How far a metric has counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def booking(**changes: Any) -> AppointmentBooked:
    told: dict[str, Any] = {
        "event_id": str(uuid4()),
        "source": "/test",
        "appointment_id": f"a-{next(_numbers)}",
        "sequence": 0,
        "starts_at": TEN,
        "ends_at": TEN + HALF_HOUR,
        "unit": {
            "id": "unit-1",
            "name": {"sv": "Enhet", "fi": "Yksikkö", "en": "Unit"},
        },
        "service": "general",
        "patient": {
            "name": "Testi-Maija Testinen",
            "email": "testi.maija@example.test",
            "language": "fi",
        },
        "professional": {"id": "p-1", "name": "Testi-Lääkäri Testinen"},
    }
    return AppointmentBooked.model_validate({**told, **changes})


def session(
    appointment_id: str, person: UUID | None = None, role: str = "patient"
) -> VisitSession:
    return VisitSession(
        sid="s-1",
        sub=str(person or uuid4()),
        appointment=appointment_id,
        role=role,
        name=SecretStr("Testi-Maija Testinen"),
        birth_year=1952,
        method="suomifi",
        exp=TEN + timedelta(hours=2),
    )


def staff(professional: str = "p-1", *units: str) -> StaffSession:
    return StaffSession(
        sid="s-1",
        sub=professional,
        name=f"Testi-{professional}",
        units=units or ("unit-1",),
        exp=TEN + timedelta(hours=8),
    )


@pytest_asyncio.fixture(loop_scope="session")
async def room(database: postgreses.Database) -> AsyncIterator[Room]:
    """An empty lobby."""
    opened = Database(SecretStr(database.services["lobby"]), "lobby", 4)
    await opened.open()
    await migrate(opened, "services.lobby.migrations")
    async with opened.writing() as tx:
        await tx.execute("TRUNCATE visit, place, message, presence, outbox, inbox")
    yield Room(opened, Clock())
    await opened.close()
