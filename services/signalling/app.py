"""Signalling, put together. Everything it needs is made or handed over here."""

import secrets
from datetime import timedelta
from functools import partial

from aiohttp import web

from chassis.background import Task, upkeep
from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.limits import Limit
from chassis.sessions import KeySet, fetching
from services.signalling.clerk import Clerk
from services.signalling.entrance import Entrance
from services.signalling.events import listen
from services.signalling.flows import Signalling
from services.signalling.news import News
from services.signalling.rooms import Bounds, Rooms
from services.signalling.settings import Settings
from services.signalling.socket import Desk, Lines
from services.signalling.turn import Turn
from services.signalling.web import STATUSES, Reception, routes


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    session_keys = fetching(str(settings.session_keys_url))
    foundation = Foundation("signalling", settings, clock, session_keys)
    database = foundation.database
    signalling = Signalling(database, foundation.outbox, clock)
    listen(foundation.bus, signalling)

    news = News()
    silence = timedelta(seconds=settings.silence_seconds)
    clerk = Clerk(signalling, database, news, silence, foundation.log)
    rooms = _rooms(settings, clock, clerk)
    lines = Lines()
    desk = Desk(
        rooms,
        _entrance(settings, clock, signalling, rooms, news),
        clerk,
        Limit(settings.frames_per_second, settings.frames_burst, clock),
        settings.hello_seconds,
        clock,
        foundation.log,
    )
    handshakes = Limit(settings.handshakes_per_second, settings.handshakes_burst, clock)
    reception = Reception(settings, foundation.keys, desk, lines, handshakes)

    app = foundation.application(
        routes(reception),
        STATUSES,
        Task("call-changes", clerk.write),
        Task("call-listener", partial(clerk.listen, rooms)),
        Task("call-presence", partial(clerk.watch, rooms)),
        upkeep("retention", partial(clerk.tidy, timedelta(days=settings.keep_days))),
    )

    async def stop(_: web.Application) -> None:
        lines.restart()
        await clerk.finish()

    app.on_shutdown.append(stop)
    return app


def _rooms(settings: Settings, clock: Clock, clerk: Clerk) -> Rooms:
    turn = Turn(
        settings.stun_urls,
        settings.turn_urls,
        settings.turn_secret,
        timedelta(seconds=settings.turn_seconds),
        clock,
    )
    bounds = Bounds(
        settings.resume_seconds, settings.replay_frames, settings.replay_bytes
    )
    return Rooms(clock, partial(secrets.token_urlsafe, 16), turn, bounds, clerk.note)


def _entrance(
    settings: Settings, clock: Clock, signalling: Signalling, rooms: Rooms, news: News
) -> Entrance:
    fetch = fetching(str(settings.admission_keys_url))
    keys = KeySet(fetch, settings.origin, clock)
    return Entrance(signalling, rooms, news, keys, settings.waiting_seconds)
