"""What every test may ask for: the real servers, and a database of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dev import kafka as kafkas
from dev import postgres as postgreses
from tests import servers


def pytest_report_header() -> list[str]:
    return servers.header()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in servers.used():
        terminalreporter.write_line(f"ran on {line}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[postgreses.Server]:
    """One PostgreSQL for the whole run."""
    async with servers.postgres() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres: postgreses.Server) -> AsyncIterator[postgreses.Database]:
    """A database with each service's empty room, for one module of tests."""
    async with postgreses.fresh_database(postgres.admin) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka() -> AsyncIterator[kafkas.Cluster]:
    """One Kafka for the whole run; topics are made by `create_topics`."""
    async with servers.kafka() as cluster:
        yield cluster
