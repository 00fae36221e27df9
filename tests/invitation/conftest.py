"""One office for the tests of a module: each test has appointments of its own in it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from chassis.sessions import SigningKey
from dev import postgres as postgreses
from tests.invitation import front as fronts
from tests.invitation import office as offices


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(database: postgreses.Database) -> AsyncIterator[Database]:
    made = Database(SecretStr(database.services["invitation"]), "invitation")
    await made.open()
    await migrate(made, "services.invitation.migrations")
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def office(room: Database) -> AsyncIterator[offices.Office]:
    """Empty, with a mail server of its own."""
    async with room.writing() as tx:
        await tx.execute(
            "TRUNCATE appointment, companion, delivery, inbox, outbox, link_key"
        )
    async with offices.office(room) as made:
        yield made


@pytest.fixture
def signing(office: offices.Office) -> SigningKey:
    return fronts.key(office)


@pytest_asyncio.fixture(loop_scope="session")
async def client(
    office: offices.Office, signing: SigningKey
) -> AsyncIterator[fronts.Client]:
    async with fronts.front(office, signing) as made:
        yield made
