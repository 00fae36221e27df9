"""The lobby, put together. Everything it needs is made or handed over here."""

from pathlib import Path
from uuid import uuid4

from aiohttp import web

from chassis.background import every, upkeep
from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.sessions import SigningKey, fetching
from services.lobby.absences import Absences
from services.lobby.delays import Delays
from services.lobby.events import listen
from services.lobby.flows import Lobby
from services.lobby.messages import Messages
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
    common = (foundation.database, foundation.outbox, clock)
    absences = Absences(*common, settings.summons_grace)
    messages = Messages(*common, new_id=uuid4)
    delays = Delays(*common)
    lobby = Lobby(
        *common,
        key=SigningKey(settings.admission_key, settings.origin, clock),
        join_after_end=settings.join_after_end,
        present_for=settings.present_for,
        keep_visits=settings.keep_visits,
        absences=absences,
    )
    listen(foundation.bus, lobby)

    sweep = every(
        SWEEP_EVERY, lobby.sweep, absences.give_up, delays.guess, messages.forget
    )
    rooms = doors(lobby, messages, delays)
    lay_out(rooms, load(FRONTEND))
    return foundation.application(rooms, STATUSES, upkeep("sweep", sweep))
