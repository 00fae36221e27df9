"""A lobby over real PostgreSQL, with a clock that the test winds."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from chassis.outbox import Outbox
from chassis.sessions import SigningKey, StaffSession, VisitSession
from contract.booking import AppointmentBooked
from dev import postgres as postgreses
from services.lobby.flows import Lobby
from tests.keys import pem

TEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # ten o'clock in Finland
HALF_HOUR = timedelta(minutes=30)
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

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.origin = "https://visit.test"
        self.lobby = Lobby(
            database=database,
            outbox=Outbox("lobby", self.clock),
            clock=self.clock,
            key=SigningKey(pem(), self.origin, self.clock),
            join_after_end=timedelta(minutes=15),
            present_for=timedelta(seconds=20),
            keep_visits=timedelta(days=30),
        )

    async def booked(self, **changes: Any) -> AppointmentBooked:
        said = booking(**changes)
        await self.lobby.changed(said)
        return said

    async def said(self) -> list[str]:
        """The topics in the outbox, in order."""
        async with self.database.reading() as tx:
            rows = await tx.fetch("SELECT topic FROM outbox ORDER BY id")
        return [row["topic"] for row in rows]


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
        await tx.execute("TRUNCATE visit, place, presence, outbox, inbox")
    yield Room(opened)
    await opened.close()
