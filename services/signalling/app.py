"""Signalling, put together. Everything it needs is made or handed over here."""

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.sessions import fetching
from services.signalling.settings import Settings
from services.signalling.web import STATUSES, routes


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    keys = fetching(str(settings.session_keys_url))
    foundation = Foundation("signalling", settings, clock, keys)
    return foundation.application(routes(), STATUSES)
