"""Signalling over real PostgreSQL, called by real sockets."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from dev import postgres as postgreses
from tests.signalling.pages import House, Visit


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(database: postgreses.Database) -> AsyncIterator[House]:
    """The surroundings; signalling itself is started by `running`."""
    own = Database(SecretStr(database.services["signalling"]), "signalling")
    await own.open()
    await migrate(own, "services.signalling.migrations")
    async with House(own).publishing() as made:
        yield made
    await own.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_house(
    house: House, database: postgreses.Database
) -> AsyncIterator[House]:
    """The surroundings with one signalling in them, for a module of tests."""
    settings = house.settings(
        database.services["signalling"],
        waiting_seconds=1,
        turn_urls="turn:turn.example.fi:3478,turns:turn.example.fi:443",
        turn_secret="not-a-secret",
        stun_urls="stun:turn.example.fi:3478",
    )
    async with house.running(settings):
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def visit(house: House) -> AsyncIterator[Visit]:
    """An appointment of this test's own; its sockets are closed at the end."""
    yield Visit()
    await house.hang_up()


@pytest.fixture(scope="module")
def database_url(database: postgreses.Database) -> str:
    return database.services["signalling"]
