"""A stage and a browser for the pages."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests import servers
from tests.frontend.stage import Lobby, Stage, raised

NARROW = 320
PATIENCE = 8_000  # milliseconds: nobody at a page would bear more
ROOT = Path(__file__).parents[2]


def npm() -> str:
    found = which("npm")
    assert found, "npm is needed for the type check"
    return found


@pytest.fixture(scope="session")
def packages() -> None:
    if not (ROOT / "node_modules" / "typescript").is_dir():
        subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [npm(), "ci"], cwd=ROOT, check=True, capture_output=True
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _raised() -> AsyncIterator[Stage]:
    async with raised() as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def stage(_raised: Stage) -> Stage:
    """The stage, its lobby as new."""
    _raised.lobby = Lobby()
    return _raised


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    async with servers.browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def page(_browser: Browser) -> AsyncIterator[Page]:
    async with _narrow_phone(_browser) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def notifiable_page() -> AsyncIterator[Page]:
    """On a browser that knows notifications, which the quick one does not."""
    async with servers.browser(whole=True) as browser, _narrow_phone(browser) as page:
        await page.context.grant_permissions(["notifications"])
        yield page


@asynccontextmanager
async def _narrow_phone(browser: Browser) -> AsyncIterator[Page]:
    """A fault in a module fails the test."""
    context = await browser.new_context(viewport={"width": NARROW, "height": 640})
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on(
        "console",
        lambda said: (
            faults.append(said.text) if "Content Security" in said.text else None
        ),
    )
    yield page
    await context.close()
    assert faults == []
