"""The invitation service, put together. Everything it needs is made or handed over here."""

import asyncio
from email.utils import parseaddr
from random import SystemRandom
from uuid import uuid4

from aiohttp import web

from chassis.background import Task, every, upkeep
from chassis.clock import Clock, now
from chassis.foundation import Foundation
from chassis.sessions import fetching
from chassis.smtp import Connection, MailServer
from services.invitation import words
from services.invitation.bounce import Reader, ReturnAddress
from services.invitation.due import Rules
from services.invitation.events import listen
from services.invitation.flows import Invitations
from services.invitation.letter import LetterWriter
from services.invitation.letterbox import Letterbox
from services.invitation.link import Links
from services.invitation.mail import Desk, host_of
from services.invitation.pace import Pace
from services.invitation.postman import Postman
from services.invitation.reminders import QuietHours, Reminders
from services.invitation.renewal import Renewal
from services.invitation.returns import Returns
from services.invitation.settings import Settings
from services.invitation.staff_flows import Oversight
from services.invitation.telling import Telling
from services.invitation.web import STATUSES, doors, open_for_reports

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
        rules=_rules(settings),
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
        log=foundation.log,
    )
    listen(foundation.bus, invitations)
    catalogue = words.load()
    letters = LetterWriter(catalogue)
    sign = settings.signer() or bytes
    desk = Desk(links, letters, catalogue, settings.mail_from, sign)
    address = settings.bounce_address
    home = ReturnAddress(address) if address else None
    postman = Postman(
        invitations,
        desk,
        _connections(settings),
        woken,
        foundation.log,
        home=home,
        pace=Pace(settings.mail_per_domain, clock, SystemRandom().random),
    )
    returns = Returns(
        foundation.database,
        clock,
        telling,
        _reader(settings),
        woken.set,
        foundation.log,
    )

    oversight = Oversight(foundation.database, clock, telling, woken.set)
    rooms = doors(oversight, letters, settings.origin, clock)
    if settings.bounce_secret:
        open_for_reports(rooms, returns, settings.bounce_secret, clock)
    tasks = [
        Task("email-delivery", postman.run),
        upkeep("email-metrics", every(MEASURE_EVERY, invitations.measure)),
        upkeep("retention", every(FORGET_EVERY, invitations.forget)),
        upkeep("link-renewal", Renewal(invitations).run),
    ]
    if home and settings.bounce_listen:
        letterbox = Letterbox(returns, home, settings.bounce_listen)
        tasks.append(Task("bounce-server", letterbox.run))
    return foundation.application(rooms, STATUSES, *tasks)


def _connections(settings: Settings) -> list[Connection]:
    server = MailServer.of(settings.smtp_url, settings.smtp_tls)
    return [Connection(server) for _ in range(settings.smtp_connections)]


def _reader(settings: Settings) -> Reader:
    home = settings.bounce_address or parseaddr(settings.mail_from)[1]
    return Reader(ReturnAddress(home), host_of(settings.origin))


def _rules(settings: Settings) -> Rules:
    quiet = QuietHours(settings.remind_quiet_from, settings.remind_quiet_to)
    reminders = Reminders(settings.remind_ahead, quiet, settings.remind_apart)
    return Rules(settings.mail_try_for, reminders, settings.delays_apart)
