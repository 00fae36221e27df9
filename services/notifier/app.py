"""The notifier, put together. Everything it needs is made or handed over here."""

import asyncio
from collections.abc import Callable
from secrets import randbelow
from uuid import uuid4

from aiohttp import web

from chassis.background import Task, Work, every, upkeep
from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.limits import Limit
from chassis.sessions import fetching
from chassis.web import Doors
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
    database = foundation.database
    units = Units.read(settings.units_file, plain_allowed=settings.plain_http_allowed)
    texts = settings.sms_url is not None
    woken = asyncio.Event()
    bells = Bells(database, clock, foundation.log, Waking(units))
    ears = (bells, Patients(clock, uuid4, texts), Systems(clock, uuid4, units))
    notifier = Notifier(database, clock, ears, woken.set)
    listen(foundation.bus, notifier)
    messages = Messages(database, clock, units, settings.messages_kept, uuid4, chance)
    couriers = _couriers(settings, foundation, messages, woken)
    hub = Hub(database, clock, settings.stream_queue, settings.streams_per_person)

    opened = Limit(OPENED_PER_SECOND, BURST, clock)
    beat = settings.heartbeat_seconds
    rooms = doors(Streams(notifier, hub, opened, clock, chance, beat), bells)
    _add_channels(rooms, settings, foundation, texts=texts)

    async def see_consoles() -> None:
        await bells.see_consoles(hub.consoles())

    app = foundation.application(
        rooms,
        STATUSES,
        Task("live-updates", hub.run),
        Task("message-delivery", couriers.run),
        upkeep("retention", every(FORGET_EVERY, notifier.forget, messages.forget)),
        upkeep("message-metrics", every(MEASURE_EVERY, messages.measure)),
        upkeep("open-consoles", every(LOOK_AT_CONSOLES_EVERY, see_consoles)),
        Task("escalation", _ringing(bells, settings.doorbell_seconds, woken.set)),
    )

    async def close(_: web.Application) -> None:
        hub.close()

    app.on_shutdown.append(close)
    return app


def _couriers(
    settings: NotifierSettings,
    foundation: Foundation,
    messages: Messages,
    woken: asyncio.Event,
) -> Couriers:
    wording = words.load(settings.origin)
    senders = suppliers.senders(settings, wording, foundation.clock)
    return Couriers(messages, senders, woken, foundation.log)


def _add_channels(
    rooms: Doors, settings: NotifierSettings, foundation: Foundation, *, texts: bool
) -> None:
    """Where people say by which ways they want to be told."""
    clock = foundation.clock
    channels = Channels(
        database=foundation.database,
        clock=clock,
        new_id=uuid4,
        country=settings.sms_country,
        texts=texts,
        staff_kept=settings.staff_push_kept,
    )
    add_channel_doors(
        rooms,
        channels,
        suppliers.push_hosts(settings),
        suppliers.identity(settings, clock).public,
        Limit(ASKED_PER_SECOND, BURST, clock),
    )


def _ringing(bells: Bells, seconds: float, wake_couriers: Callable[[], None]) -> Work:
    """The doorbells ring in time."""

    async def climb() -> None:
        if await bells.climb():
            wake_couriers()

    async def ring() -> None:
        await bells.begin()
        await every(seconds, climb)()

    return ring
