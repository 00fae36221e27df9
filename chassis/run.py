"""One service as a process: `python -m services.<name>` serves, `… migrate` migrates,
`… audit` reads the audit.

SIGTERM: not ready from then on, what is under way is finished, then the process ends.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

import uvloop
from aiohttp import web

from chassis import logs, reading_audit
from chassis.database import Database
from chassis.foundation import in_the_way
from chassis.health import operations
from chassis.metrics import IS_READY
from chassis.migrations import migrate
from chassis.settings import Settings, read

AnySettings = TypeVar("AnySettings", bound=Settings)


def main(
    service: str,
    kind: type[AnySettings],
    assemble: Callable[[AnySettings], web.Application],
) -> None:
    settings = read(kind)
    logs.set_up(settings.log_level)
    if sys.argv[1:] == ["migrate"]:
        uvloop.run(_migrate(service, settings))
    elif sys.argv[1:2] == ["audit"]:
        sys.exit(uvloop.run(_audit(service, settings, sys.argv[2:])))
    else:
        uvloop.run(_serve(service, assemble(settings), settings))


async def _migrate(service: str, settings: Settings) -> None:
    database = Database(settings.database_url, service, size=1)
    await database.open()
    applied = await migrate(database, f"services.{service}.migrations")
    logs.log(service).info("The schema is up to date.", steps=applied)
    await database.close()


async def _audit(service: str, settings: Settings, asked: list[str]) -> int:
    database = Database(settings.database_url, service, size=1)
    await database.open()
    lines, status = await reading_audit.answer(database, asked)
    await database.close()
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return status


async def _serve(service: str, app: web.Application, settings: Settings) -> None:
    stopping = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)

    open_for_all = asyncio.Event()

    def obstacles() -> list[str]:
        if stopping.is_set():
            return ["stopping"]
        if not open_for_all.is_set():
            return ["starting"]
        return in_the_way(app)

    IS_READY.labels(service).set_function(lambda: not obstacles())
    ops = web.AppRunner(operations(obstacles), access_log=None)
    await ops.setup()
    await web.TCPSite(ops, settings.ops_host, settings.ops_port).start()
    served = web.AppRunner(
        app, access_log=None, shutdown_timeout=settings.drain_seconds
    )
    starting = asyncio.create_task(_listen(served, settings, open_for_all))
    await _first(starting, stopping)
    if starting.done():
        await starting
        await stopping.wait()
    starting.cancel()
    await served.cleanup()
    await ops.cleanup()


async def _listen(
    served: web.AppRunner, settings: Settings, open_for_all: asyncio.Event
) -> None:
    await served.setup()
    await web.TCPSite(served, settings.host, settings.port).start()
    open_for_all.set()


async def _first(starting: "asyncio.Task[None]", stopping: asyncio.Event) -> None:
    """Whichever comes first: a database may be long in coming, and SIGTERM meanwhile."""
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
