"""The ground one service stands on, put together once.

A service's `app.assemble` lays it, builds its own rooms on it, and returns the application.
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress

from aiohttp import web

from chassis import audit, inbox
from chassis.background import Background, Task, every, failing, upkeep
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.database import Database
from chassis.logs import Log, log
from chassis.migrations import migrate
from chassis.outbox import Outbox
from chassis.refusal import Refusal
from chassis.relay import Relay
from chassis.sessions import KeySet, KeySetDocument
from chassis.settings import Settings
from chassis.web import Doors, House, application

READY = web.AppKey("ready", asyncio.Event)
DOORS = web.AppKey("doors", Doors)
BUS = web.AppKey("bus", Bus)
TASKS = web.AppKey("tasks", Sequence[Background])
HOUSEKEEPING = 3600.0


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
        app[TASKS] = [
            Background(self.service, task, self.log) for task in (*self._own(), *tasks)
        ]
        app.cleanup_ctx.append(self._standing)
        app.cleanup_ctx.extend(_running(each) for each in app[TASKS])

        async def ready(app: web.Application) -> None:
            app[READY].set()

        app.on_startup.append(ready)
        return app

    def _own(self) -> Iterator[Task]:
        """What every service does beside its own."""
        relay = Relay(self.database, self.settings.kafka_servers, self.log)
        yield Task("outbox-relay", relay.run)
        yield upkeep("outbox-age", relay.watch)
        if self.bus.heard:
            yield Task("kafka-consumer", self.bus.run)
        yield upkeep("housekeeping", every(HOUSEKEEPING, self._keep_house))

    async def _standing(self, _: web.Application) -> AsyncIterator[None]:
        await self.database.open()
        applied = await migrate(self.database, f"services.{self.service}.migrations")
        if applied:
            self.log.info("The schema was brought up to date.", steps=applied)
        yield
        await self.database.close()

    async def _keep_house(self) -> None:
        at = self.clock()
        async with self.database.writing() as tx:
            await inbox.forget(tx)
            await audit.seal(tx, at - self.settings.audit_kept, at)
            head = await audit.head(tx)
        if head.number:
            # Kept with the logs: a chain that was rewritten whole is found by it.
            self.log.info("The audit stands.", head=str(head))


def _running(task: Background) -> Callable[[web.Application], AsyncIterator[None]]:
    """A task with an owner: started with the service, ended with it."""

    async def own(_: web.Application) -> AsyncIterator[None]:
        running = asyncio.create_task(task.run())
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    return own


def in_the_way(app: web.Application) -> list[str]:
    """Why this service should be sent nothing, though it runs."""
    return [
        *(f"background task keeps crashing: {name}" for name in failing(app[TASKS])),
        *(f"consumer stands still: {name}" for name in app[BUS].standing_still()),
    ]
