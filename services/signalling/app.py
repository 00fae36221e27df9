"""Signalling, put together. Everything it needs is made or handed over here."""

import secrets
from collections.abc import AsyncIterator
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
from services.signalling.instance import Instance
from services.signalling.news import News
from services.signalling.passage import Passage
from services.signalling.rooms import Bounds, Outside, Rooms
from services.signalling.settings import Settings
from services.signalling.socket import Desk, Lines
from services.signalling.turn import Turn
from services.signalling.web import STATUSES, Reception, routes


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    session_keys = fetching(str(settings.session_keys_url))
    foundation = Foundation("signalling", settings, clock, session_keys)
    database = foundation.database
    silence = timedelta(seconds=settings.silence_seconds)
    signalling = Signalling(database, foundation.outbox, clock, silence)
    listen(foundation.bus, signalling)

    news = News()
    name = secrets.token_hex(8)
    instance = Instance(
        database,
        name,
        settings.instance_seconds,
        settings.resume_seconds,
        foundation.log,
    )
    passage = Passage(database, name, settings.resume_seconds, foundation.log)
    clerk = Clerk(signalling, news, instance, foundation.log)
    outside = Outside(clerk.note, instance.changed, passage.send)
    rooms = _rooms(settings, clock, outside)
    admission_keys = KeySet(
        fetching(str(settings.admission_keys_url)), settings.origin, clock
    )
    entrance = Entrance(
        signalling,
        rooms,
        news,
        admission_keys,
        settings.waiting_seconds,
        instance.elsewhere,
    )
    lines = Lines()
    desk = Desk(
        rooms,
        entrance,
        clerk,
        Limit(settings.frames_per_second, settings.frames_burst, clock),
        settings.hello_seconds,
        clock,
        foundation.log,
    )
    handshakes = Limit(settings.handshakes_per_second, settings.handshakes_burst, clock)
    reception = Reception(settings, foundation.keys, desk, lines, handshakes)

    deliver = partial(clerk.deliver, rooms=rooms)
    app = foundation.application(
        routes(reception),
        STATUSES,
        Task("call-changes", clerk.write),
        Task("call-listener", partial(clerk.listen, rooms)),
        Task("call-presence", partial(clerk.watch, rooms)),
        upkeep("retention", partial(clerk.tidy, timedelta(days=settings.keep_days))),
        Task("member-presence", partial(instance.publish, rooms)),
        Task("instance-heartbeat", partial(instance.beat, rooms, clerk.look)),
        Task("signal-sender", partial(passage.write, instance.published)),
        Task("signal-receiver", partial(passage.receive, deliver)),
    )

    async def stop(_: web.Application) -> None:
        lines.restart()
        await clerk.finish()

    async def retire(_: web.Application) -> AsyncIterator[None]:
        yield
        await instance.retire(rooms)

    app.on_shutdown.append(stop)
    app.cleanup_ctx.append(retire)
    return app


def _rooms(settings: Settings, clock: Clock, outside: Outside) -> Rooms:
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
    return Rooms(clock, partial(secrets.token_urlsafe, 16), turn, bounds, outside)
