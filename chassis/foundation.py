"""The ground one service stands on, put together once.

A service's `app.assemble` lays it, builds its own rooms on it, and returns the application.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress

from aiohttp import web

from chassis import audit, inbox
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.database import Database
from chassis.logs import Log, log, trouble
from chassis.migrations import migrate
from chassis.outbox import Outbox
from chassis.refusal import Refusal
from chassis.relay import Relay
from chassis.sessions import KeySet, KeySetDocument
from chassis.settings import Settings
from chassis.web import Doors, House, application

Task = Callable[[], Awaitable[None]]
READY = web.AppKey("ready", asyncio.Event)
DOORS = web.AppKey("doors", Doors)
BUS = web.AppKey("bus", Bus)
RESTART_PAUSE = 2.0
HOUSEKEEPING = 3600.0


def every(seconds: float, *deeds: Callable[[], Awaitable[object]]) -> Task:
    """A task that does these, in this order, at once and then this often."""

    async def doing() -> None:
        while True:
            for deed in deeds:
                await deed()
            await asyncio.sleep(seconds)

    return doing


class Foundation:
    """Database, outbox, bus and keys of one service."""

    def __init__(
        self,
        service: str,
        settings: Settings,
        clock: Clock,
        session_keys: Callable[[], Awaitable[KeySetDocument]],
    ) -> None:
        self.service = service
        self.settings = settings
        self.clock = clock
        self.log: Log = log(service)
        self.database = Database(settings.database_url, service, settings.database_pool)
        self.outbox = Outbox(service, clock)
        self.bus = Bus(
            service,
            settings.kafka_servers,
            settings.kafka_fetch_wait_ms,
            self.log,
            drain_seconds=settings.drain_seconds,
        )
        self.keys = KeySet(session_keys, settings.origin, clock)

    def application(
        self,
        doors: Doors,
        statuses: Mapping[type[Refusal], int],
        *tasks: Task,
    ) -> web.Application:
        """The service: its doors, and its tasks for as long as it runs."""
        house = House(
            service=self.service,
            origin=self.settings.origin,
            proxies=self.settings.proxies,
            statuses=statuses,
            doors=doors,
            keys=self.keys,
            log=self.log,
        )
        app = application(house)
        app[READY] = asyncio.Event()
        app[DOORS] = doors
        app[BUS] = self.bus
        app.cleanup_ctx.append(self._standing)
        relay = Relay(self.database, self.settings.kafka_servers, self.log)
        keep_house = every(HOUSEKEEPING, self._keep_house)
        own = (relay.run, relay.watch, self.bus.run, keep_house)
        for task in (*own, *tasks):
            app.cleanup_ctx.append(self._running(task))

        async def ready(app: web.Application) -> None:
            app[READY].set()

        app.on_startup.append(ready)
        return app

    async def _standing(self, _: web.Application) -> AsyncIterator[None]:
        await self.database.open()
        applied = await migrate(self.database, f"services.{self.service}.migrations")
        if applied:
            self.log.info("The schema was brought up to date.", steps=applied)
        yield
        await self.database.close()

    def _running(self, task: Task) -> Callable[[web.Application], AsyncIterator[None]]:
        """A task with an owner: started with the service, ended with it."""

        async def own(_: web.Application) -> AsyncIterator[None]:
            running = asyncio.create_task(self._again(task))
            yield
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        return own

    async def _again(self, task: Task) -> None:
        """A task that falls gets up: its end must not pass unnoticed.

        Not one that falls while it is being ended: nobody would end it again.
        """
        while True:
            try:
                return await task()
            except Exception as error:  # noqa: BLE001 - logged, and begun again
                if _is_being_ended():
                    self.log.error("A task fell at its end.", **trouble(error))
                    return None
                self.log.error("A task fell and starts again.", **trouble(error))
                await asyncio.sleep(RESTART_PAUSE)

    async def _keep_house(self) -> None:
        at = self.clock()
        async with self.database.writing() as tx:
            await inbox.forget(tx)
            await audit.seal(tx, at - self.settings.audit_kept, at)
            head = await audit.head(tx)
        if head.number:
            # Kept with the logs: a chain that was rewritten whole is found by it.
            self.log.info("The audit stands.", head=str(head))


def _is_being_ended() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
