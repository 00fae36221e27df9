"""The notifier, put together. Everything it needs is made or handed over here."""

import asyncio
from collections.abc import Callable
from secrets import randbelow
from uuid import uuid4

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation, Task
from chassis.limits import Limit
from chassis.sessions import fetching
from services.notifier import suppliers, words
from services.notifier.bells import Bells
from services.notifier.channel_doors import add_channel_doors
from services.notifier.channels import Channels
from services.notifier.courier import Couriers
from services.notifier.events import listen
from services.notifier.flows import Notifier
from services.notifier.messages import Messages
from services.notifier.patients import Patients
from services.notifier.settings import NotifierSettings
from services.notifier.stream import Hub
from services.notifier.systems import Systems
from services.notifier.units import Units
from services.notifier.waking import Waking
from services.notifier.web import STATUSES, Streams, doors

FORGET_EVERY = 60.0  # seconds
MEASURE_EVERY = 15.0
LOOK_AT_CONSOLES_EVERY = 10.0
OPENED_PER_SECOND = 1.0  # by one person, and
ASKED_PER_SECOND = 1.0  # how to be told, by one person, and
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
    units = Units.read(settings.units_file, plain_allowed=settings.plain_http_allowed)
    texts = settings.sms_url is not None
    woken = asyncio.Event()
    messages = Messages(
        foundation.database, clock, units, settings.messages_kept, uuid4, chance
    )
    bells = Bells(foundation.database, clock, foundation.log, Waking(units))
    ears = (bells, Patients(clock, uuid4, texts), Systems(clock, uuid4, units))
    notifier = Notifier(foundation.database, clock, ears, woken.set)
    wording = words.load(settings.origin)
    couriers = Couriers(
        messages,
        suppliers.senders(settings, wording, clock),
        woken,
        foundation.log,
    )
    channels = Channels(
        database=foundation.database,
        clock=clock,
        new_id=uuid4,
        country=settings.sms_country,
        texts=texts,
        staff_kept=settings.staff_push_kept,
    )
    listen(foundation.bus, notifier)
    hub = Hub(
        foundation.database, clock, settings.stream_queue, settings.streams_per_person
    )

    async def forget() -> None:
        while True:
            await notifier.forget()
            await messages.forget()
            await asyncio.sleep(FORGET_EVERY)

    async def measure() -> None:
        while True:
            await messages.measure()
            await asyncio.sleep(MEASURE_EVERY)

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
    rooms = doors(streams, bells)
    add_channel_doors(
        rooms,
        channels,
        suppliers.push_hosts(settings),
        suppliers.identity(settings, clock).public,
        Limit(ASKED_PER_SECOND, BURST, clock),
    )
    app = foundation.application(
        rooms,
        STATUSES,
        hub.run,
        forget,
        couriers.run,
        measure,
        *_ringing(bells, hub, settings.doorbell_seconds, woken.set),
    )
    app.on_shutdown.append(close)
    return app


def _ringing(
    bells: Bells, hub: Hub, every: float, wake_couriers: Callable[[], None]
) -> tuple[Task, Task]:
    """The doorbells ring in time, and everybody knows whose consoles are open here."""

    async def ring() -> None:
        await bells.begin()
        while True:
            if await bells.climb():
                wake_couriers()
            await asyncio.sleep(every)

    async def see_consoles() -> None:
        while True:
            await bells.see_consoles(hub.consoles())
            await asyncio.sleep(LOOK_AT_CONSOLES_EVERY)

    return ring, see_consoles
