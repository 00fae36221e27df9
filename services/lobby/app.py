"""The lobby, put together. Everything it needs is made or handed over here."""

import asyncio
from pathlib import Path

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.sessions import SigningKey, fetching
from services.lobby.events import listen
from services.lobby.flows import Lobby
from services.lobby.pages import load
from services.lobby.settings import Settings
from services.lobby.shelf import lay_out
from services.lobby.web import STATUSES, doors

FRONTEND = Path(__file__).parents[2] / "frontend"
SWEEP_EVERY = 30.0


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    foundation = Foundation(
        "lobby", settings, clock, fetching(settings.session_keys_url)
    )
    lobby = Lobby(
        database=foundation.database,
        outbox=foundation.outbox,
        clock=clock,
        key=SigningKey(settings.admission_key, settings.origin, clock),
        join_after_end=settings.join_after_end,
        present_for=settings.present_for,
        keep_visits=settings.keep_visits,
    )
    listen(foundation.bus, lobby)

    async def sweeping() -> None:
        while True:
            await lobby.sweep()
            await asyncio.sleep(SWEEP_EVERY)

    rooms = doors(lobby)
    lay_out(rooms, load(FRONTEND))
    return foundation.application(rooms, STATUSES, sweeping)
