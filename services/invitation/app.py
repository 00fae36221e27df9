"""The invitation service, put together. Everything it needs is made or handed over here."""

import asyncio
from random import SystemRandom
from uuid import uuid4

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.sessions import fetching
from chassis.smtp import Connection, MailServer
from services.invitation import words
from services.invitation.events import listen
from services.invitation.flows import Invitations
from services.invitation.letter import LetterWriter
from services.invitation.link import Links
from services.invitation.mail import Desk
from services.invitation.postman import Postman
from services.invitation.settings import Settings
from services.invitation.staff_flows import Oversight
from services.invitation.telling import Telling
from services.invitation.web import STATUSES, doors

MEASURE_EVERY = 15.0
FORGET_EVERY = 3600.0


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    foundation = Foundation(
        "invitation", settings, clock, fetching(settings.session_keys_url)
    )
    woken = asyncio.Event()
    links = Links(settings.link_secret, settings.origin)
    telling = Telling(
        outbox=foundation.outbox,
        links=links,
        link_lifetime=settings.link_lifetime,
        try_for=settings.mail_try_for,
        new_id=uuid4,
    )
    invitations = Invitations(
        database=foundation.database,
        clock=clock,
        telling=telling,
        keep=settings.keep_appointments,
        new_id=uuid4,
        chance=SystemRandom().random,
        wake=woken.set,
    )
    listen(foundation.bus, invitations)
    catalogue = words.load()
    letters = LetterWriter(catalogue)
    server = MailServer.of(settings.smtp_url, settings.smtp_tls)
    postman = Postman(
        invitations,
        Desk(links, letters, catalogue, settings.mail_from),
        [Connection(server) for _ in range(settings.smtp_connections)],
        woken,
        foundation.log,
    )

    async def measuring() -> None:
        while True:
            await invitations.measure()
            await asyncio.sleep(MEASURE_EVERY)

    async def forgetting() -> None:
        while True:
            await invitations.forget()
            await asyncio.sleep(FORGET_EVERY)

    oversight = Oversight(foundation.database, clock, telling, woken.set)
    rooms = doors(oversight, letters, settings.origin, clock)
    return foundation.application(rooms, STATUSES, postman.run, measuring, forgetting)
