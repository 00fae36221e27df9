"""The notifier, put together. Everything it needs is made or handed over here."""

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.sessions import fetching
from services.notifier.settings import NotifierSettings
from services.notifier.web import STATUSES, doors


def assemble(settings: NotifierSettings, clock: Clock = now) -> web.Application:
    keys = fetching(str(settings.session_keys_url))
    foundation = Foundation("notifier", settings, clock, keys)
    return foundation.application(doors(), STATUSES)
