"""The journeys' suite and browser, started once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from dev import postgres as postgreses
from tests import servers
from tests.journeys.suite import Suite, running
from tests.logbook import writing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with servers.browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def whole_browser() -> AsyncIterator[Browser]:
    """One that keeps the pages that one goes back to as they were left."""
    async with servers.browser(whole=True) as browser:
        yield browser


@pytest.fixture(scope="session")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all services log during the journeys."""
    return tmp_path_factory.mktemp("log") / "suite.jsonl"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def suite(
    postgres: postgreses.Server, browser: Browser, log_file: Path
) -> AsyncIterator[Suite]:
    """One suite for all journeys, on a Kafka that only they use."""
    with log_file.open("w", buffering=1) as log, writing(log):
        async with (
            servers.kafka() as cluster,
            running(postgres, cluster.servers, browser) as suite,
        ):
            yield suite


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def browsers_closed(browser: Browser) -> AsyncIterator[None]:
    """No window outlives its test, and no script failed in it."""
    yield
    errors = []
    for context in browser.contexts:
        errors += context.__dict__.get("script_errors", [])
        await context.close()
    assert not errors
