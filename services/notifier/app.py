"""The notifier, put together. Everything it needs is made or handed over here."""

import asyncio
from collections.abc import Callable
from secrets import randbelow

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.limits import Limit
from chassis.sessions import fetching
from services.notifier.events import listen
from services.notifier.flows import Notifier
from services.notifier.settings import NotifierSettings
from services.notifier.stream import Hub
from services.notifier.web import STATUSES, Streams, doors

FORGET_EVERY = 60.0  # seconds
OPENED_PER_SECOND = 1.0  # by one person, and
BURST = 30  # as many at once, as after a bad connection


def any_chance() -> float:
    return randbelow(1000) / 999


def assemble(
    settings: NotifierSettings,
    clock: Clock = now,
    chance: Callable[[], float] = any_chance,
) -> web.Application:
    keys = fetching(str(settings.session_keys_url))
    foundation = Foundation("notifier", settings, clock, keys)
    notifier = Notifier(foundation.database, clock)
    listen(foundation.bus, notifier)
    hub = Hub(
        foundation.database, clock, settings.stream_queue, settings.streams_per_person
    )

    async def forget() -> None:
        while True:
            await notifier.forget()
            await asyncio.sleep(FORGET_EVERY)

    async def close(_: web.Application) -> None:
        hub.close()

    streams = Streams(
        notifier,
        hub,
        Limit(OPENED_PER_SECOND, BURST, clock),
        clock,
        chance,
        settings.heartbeat_seconds,
    )
    app = foundation.application(doors(streams), STATUSES, hub.run, forget)
    app.on_shutdown.append(close)
    return app
