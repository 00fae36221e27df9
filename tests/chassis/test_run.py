"""A service as a real process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientError, ClientSession

from deploy.prepare import signing_key
from dev import postgres, programs
from tests.chassis import proxy
from tests.chassis.kafka import PATIENCE, until

ROOT = Path(__file__).parents[2]
NOWHERE = "127.0.0.1:1"


@dataclass
class Service:
    process: asyncio.subprocess.Process
    port: int
    ops_port: int

    async def asks(self, path: str) -> int | None:
        """The status that operations get; nothing when nobody answers."""
        url = f"http://127.0.0.1:{self.ops_port}{path}"
        try:
            async with ClientSession() as client, client.get(url) as answer:
                return answer.status
        except ClientError:
            return None

    async def says(self, what: str) -> dict[str, Any]:
        """The next line of the log with this event."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self.process.stdout.readline():
                said: dict[str, Any] = json.loads(line)
                if said["event"] == what:
                    return said
        raise EOFError(what)

    async def is_ready(self) -> bool:
        return await self.asks("/ready") == 200

    async def ends(self) -> int:
        """Its exit code; what it still says goes unread."""
        await asyncio.wait_for(self.process.communicate(), PATIENCE)
        return await self.process.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def url(postgres: postgres.Server) -> AsyncIterator[str]:
    async with _fresh(postgres.admin) as made:
        yield made.services["notifier"]


_fresh = postgres.fresh_database


@asynccontextmanager
async def _running(
    url: str, module: str, *arguments: str, **more: str
) -> AsyncIterator[Service]:
    port, ops_port = programs.free_port(), programs.free_port()
    settings = {
        "DATABASE_URL": url,
        "KAFKA_SERVERS": NOWHERE,
        "PUBLIC_URL": "https://video.example.fi",
        "SESSION_KEYS_URL": "http://127.0.0.1:1/keys",
        "SMTP_URL": "smtp://127.0.0.1:1",
        "MAIL_FROM": "Test <test@example.fi>",
        "VAPID_KEY": signing_key(),
        "PORT": str(port),
        "OPS_PORT": str(ops_port),
        "PATH": os.environ["PATH"],
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env=settings,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Service(process, port, ops_port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_sigterm_ends_a_service_that_is_ready(url: str) -> None:
    async with _running(url, "services.notifier") as service:
        await until(service.is_ready)
        service.process.send_signal(signal.SIGTERM)
        assert await service.ends() == 0


async def test_what_is_under_way_is_finished_and_nothing_new_is_taken(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "go-on"
    async with (
        _running(url, "tests.chassis.slow_service", WAITS_FOR=str(file)) as service,
        ClientSession() as client,
    ):
        await until(service.is_ready)
        address = f"http://127.0.0.1:{service.port}/notifier/slow"
        asking = asyncio.create_task(_text(client, address))
        await service.says("Somebody came in.")
        service.process.send_signal(signal.SIGTERM)

        async def is_not_ready() -> bool:
            return await service.asks("/ready") == 503

        async def takes_nobody() -> bool:
            return not await programs.listens(service.port)

        await until(is_not_ready)
        await until(takes_nobody)
        assert await service.asks("/live") == 200
        assert not asking.done()
        file.touch()
        assert await asking == "done"
        assert await service.ends() == 0


async def _text(client: ClientSession, address: str) -> str:
    async with client.get(address) as answer:
        return await answer.text()


async def test_a_drain_has_an_end(url: str, tmp_path: Path) -> None:
    never = {"WAITS_FOR": str(tmp_path / "never"), "DRAIN_SECONDS": "0.1"}
    async with (
        _running(url, "tests.chassis.slow_service", **never) as service,
        ClientSession() as client,
    ):
        await until(service.is_ready)
        address = f"http://127.0.0.1:{service.port}/notifier/slow"
        asking = asyncio.create_task(_text(client, address))
        await service.says("Somebody came in.")
        service.process.send_signal(signal.SIGTERM)
        assert await service.ends() == 0
        with pytest.raises(ClientError):
            await asking


async def test_it_is_live_but_not_ready_until_its_database_is_there(url: str) -> None:
    async with proxy.before(url) as (door, address):
        await door.shut()
        async with _running(address, "services.notifier") as service:

            async def is_live() -> bool:
                return await service.asks("/live") == 200

            await until(is_live)
            assert await service.asks("/ready") == 503
            await door.open()
            await until(service.is_ready)
            service.process.send_signal(signal.SIGTERM)
            assert await service.ends() == 0


async def test_sigterm_ends_a_service_that_waits_for_its_database(url: str) -> None:
    async with proxy.before(url) as (door, address):
        await door.shut()
        async with _running(address, "services.notifier") as service:
            await service.says("It failed and is tried again.")
            service.process.send_signal(signal.SIGTERM)
            assert await service.ends() == 0


async def test_migrate_brings_the_schema_up_to_date_and_ends(url: str) -> None:
    async with _running(url, "services.notifier", "migrate") as service:
        said = await service.says("The schema is up to date.")
        assert "services.notifier.migrations/0001_notices.sql" in said["steps"]
        assert await service.ends() == 0


async def test_a_service_that_is_told_wrong_says_so_and_ends(url: str) -> None:
    async with _running(url, "services.notifier", PORT="eighty") as service:
        assert await service.ends() == 1
