"""A service's room of its own to stand in: its database, with the chassis' tables."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from contract.catalogue import topics
from dev import kafka, postgres

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Watch:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.shows = NINE

    def __call__(self) -> datetime:
        return self.shows

    def turn(self, by: timedelta) -> None:
        self.shows += by


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest_asyncio.fixture(loop_scope="session")
async def lobby(postgres: postgres.Server) -> AsyncIterator[str]:
    """The address of an empty lobby, for one test."""
    async with _fresh(postgres.admin) as made:
        yield made.services["lobby"]


@pytest_asyncio.fixture(loop_scope="session")
async def room(lobby: str) -> AsyncIterator[Database]:
    """The lobby's database, open and with the chassis' tables in it."""
    database = Database(SecretStr(lobby), "lobby")
    await database.open()
    await migrate(database, "chassis.tables")
    yield database
    await database.close()


_fresh = postgres.fresh_database


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node() -> AsyncIterator[kafka.ApacheKafka]:
    """A Kafka of our own: what happens to it must not happen to other tests."""
    async with kafka.apache() as own:
        await kafka.create_topics(own.servers, topics())
        yield own
