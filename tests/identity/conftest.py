"""Identity's room over real PostgreSQL, with a clock that the test winds."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from contract.booking import Change
from contract.booking_full import AppointmentBookedInFull
from contract.invitation import InvitationIssued
from dev import postgres as postgreses
from services.identity.flows import Appointments, Register
from services.identity.pseudonyms import Pseudonyms
from tests.identity.people import HALF_HOUR, TEN, Clock, envelope

SECRET = SecretStr("made for one test run, and only that")


class Room:
    """Identity's appointments, their clock, and short ways to look into the tables."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.register = Register(Pseudonyms(SECRET, None, SECRET), test_persons=True)
        self.appointments = Appointments(database, self.clock, self.register)

    async def hear(self, *story: Change) -> None:
        for said in story:
            if isinstance(said, AppointmentBookedInFull):
                await self.appointments.booked(said)
            else:
                await self.appointments.changed(said)

    async def invite(self, appointment_id: str, link: str) -> None:
        said = InvitationIssued(
            **envelope(),
            appointment_id=appointment_id,
            link_digest=sha256(link.encode()).hexdigest(),
            expires_at=TEN + HALF_HOUR * 48,
        )
        await self.appointments.invited(said)

    async def rows(self, query: str, *args: object) -> Sequence[Any]:
        async with self.database.reading() as tx:
            found: Sequence[Any] = await tx.fetch(query, *args)
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def room(database: postgreses.Database) -> AsyncIterator[Room]:
    """Identity's tables; each test brings appointments of its own."""
    opened = Database(SecretStr(database.services["identity"]), "identity", 4)
    await opened.open()
    await migrate(opened, "services.identity.migrations")
    yield Room(opened)
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
