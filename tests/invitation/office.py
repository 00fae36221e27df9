"""The invitation service over real PostgreSQL and a real mail server, and a patient who reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from itertools import count
from typing import Any
from uuid import uuid4

from icalendar import Calendar
from prometheus_client import REGISTRY
from pydantic import SecretStr

from chassis.database import Database
from chassis.logs import log
from chassis.outbox import Outbox
from chassis.smtp import Connection, MailServer, Tls
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
)
from dev import programs
from dev.mailbox import Mailbox, post_office
from services.invitation import delivery_store, words
from services.invitation.bounce import Reader, ReturnAddress
from services.invitation.domain import Delivery
from services.invitation.due import Rules
from services.invitation.flows import Claimed, Invitations
from services.invitation.letter import LetterWriter
from services.invitation.letterbox import Letterbox
from services.invitation.link import Links
from services.invitation.mail import Desk
from services.invitation.pace import Pace
from services.invitation.postman import Postman
from services.invitation.reminders import QuietHours, Reminders
from services.invitation.returns import Returns
from services.invitation.staff_flows import Oversight
from services.invitation.telling import Telling

NOON = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # ten o'clock in Finland
HALF_HOUR = timedelta(minutes=30)
ORIGIN = "https://visit.test"
SECRET = SecretStr("a secret that only these tests know")
UNIT = {
    "id": "u-1",
    "name": {"sv": "Testi-enhet", "fi": "Testi-yksikkö", "en": "Testi unit"},
}
HOME = ReturnAddress("bounces@visit.test")
_numbers = count(1)


class Clock:
    """Shows what the test says."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


class Server:
    """How the mail server answers each address: takes the mail, unless told otherwise."""

    def __init__(self) -> None:
        self._answers: dict[str, list[str]] = {}

    def answers(self, email: str, *answers: str) -> None:
        """These to the next ones who come, then it takes mail again."""
        self._answers[email] = list(answers)

    def __call__(self, email: str) -> str | None:
        waiting = self._answers.get(email)
        return waiting.pop(0) if waiting else None


@dataclass
class Office:
    """The service's parts, and short ways to say what happens in a test."""

    database: Database
    mailbox: Mailbox
    smtp_url: str
    server: Server
    clock: Clock
    ahead: tuple[timedelta, ...] = ()  # few tests are about reminders
    links: Links = field(default_factory=lambda: Links(SECRET, ORIGIN))

    def __post_init__(self) -> None:
        self.catalogue = words.load()
        self.letters = LetterWriter(self.catalogue)
        self.desk = Desk(
            self.links, self.letters, self.catalogue, "Testi <t@visit.test>"
        )
        self.woken = 0
        self.telling = Telling(
            outbox=Outbox("invitation", self.clock),
            links=self.links,
            link_lifetime=timedelta(hours=24),
            rules=Rules(
                try_for=timedelta(hours=24),
                reminders=Reminders(
                    self.ahead, QuietHours(time(21), time(7)), timedelta(minutes=30)
                ),
                delays_apart=timedelta(minutes=10),
            ),
            new_id=uuid4,
        )
        self.oversight = Oversight(self.database, self.clock, self.telling, self._wake)
        self.invitations = Invitations(
            database=self.database,
            clock=self.clock,
            telling=self.telling,
            keep=timedelta(days=14),
            new_id=uuid4,
            chance=lambda: 0.5,
            wake=self._wake,
        )
        self.returns = Returns(
            self.database,
            self.clock,
            self.telling,
            Reader(HOME, "visit.test"),
            self._wake,
            log("invitation"),
        )
        self.pace = Pace(6000, self.clock, lambda: 0.5)
        self.connection = self.connect(self.smtp_url)

    def _wake(self) -> None:
        self.woken += 1

    def connect(self, smtp_url: str) -> Connection:
        return Connection(MailServer.of(SecretStr(smtp_url), Tls.NEVER))

    def postman(self, *connections: Connection) -> Postman:
        return Postman(
            self.invitations,
            self.desk,
            connections or [self.connection],
            asyncio.Event(),
            log("invitation"),
            home=HOME,
            pace=self.pace,
        )

    async def claim(self) -> Claimed | None:
        """The next e-mail, for whoever wants to do the postman's work by hand."""
        return next(iter(await self.invitations.claim()), None)

    async def deliver(self) -> None:
        """The postman goes until nothing is due."""
        while await self.postman().deliver(self.connection):
            pass

    async def book(self, **changes: Any) -> AppointmentBooked:
        said = booking(**changes)
        await self.invitations.changed(said)
        return said

    async def deliveries(self, appointment_id: str) -> list[Delivery]:
        async with self.database.reading() as tx:
            return list(await delivery_store.deliveries(tx, appointment_id))

    async def states(self, appointment_id: str) -> list[tuple[str, str]]:
        return [
            (str(each.kind), str(each.state))
            for each in await self.deliveries(appointment_id)
        ]

    async def said(self, appointment_id: str) -> list[tuple[str, dict[str, Any]]]:
        """What was laid into the outbox about this appointment, in order."""
        async with self.database.reading() as tx:
            rows = await tx.fetch(
                "SELECT topic, value FROM outbox WHERE key = $1 ORDER BY id",
                appointment_id.encode(),
            )
        return [(row["topic"], json.loads(row["value"])) for row in rows]

    async def waiting_for(self) -> timedelta:
        """How long the longest waiting e-mail has waited, as the metric tells it."""
        await self.invitations.measure()
        late = REGISTRY.get_sample_value("invitation_late_seconds")
        return timedelta(seconds=late or 0)

    def mails(self, email: str) -> list[EmailMessage]:
        """What this patient has got, oldest first."""
        return [
            mail.message
            for mail in reversed(self.mailbox.mails)
            if email in str(mail.message["To"])
        ]


@asynccontextmanager
async def office(
    database: Database, smtp_port: int = 0, ahead: tuple[timedelta, ...] = ()
) -> AsyncIterator[Office]:
    server, clock = Server(), Clock()
    async with post_office(refuse=server, clock=clock, smtp_port=smtp_port) as post:
        made = Office(database, post.mailbox, post.smtp_url, server, clock, ahead)
        yield made
        await made.connection.hang_up()


@asynccontextmanager
async def letterbox(office: Office, port: int = 0) -> AsyncIterator[int]:
    """Open on this port, or on any; while it is, reports reach the office."""
    port = port or programs.free_port()
    running = asyncio.create_task(
        Letterbox(office.returns, HOME, f"127.0.0.1:{port}").run()
    )
    async with asyncio.timeout(10):
        while not await programs.listens(port):  # noqa: ASYNC110 - it is a socket
            await asyncio.sleep(0.01)
    yield port
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def new_appointment() -> tuple[str, str]:
    """An appointment that no other test has, and its patient's address."""
    number = next(_numbers)
    return f"testi-{number}", f"testi-patient-{number}@example.test"


def booking(**changes: Any) -> AppointmentBooked:
    appointment_id, email = new_appointment()
    told: dict[str, Any] = {
        "appointment_id": appointment_id,
        "sequence": 0,
        "starts_at": TEN,
        "ends_at": TEN + HALF_HOUR,
        "unit": UNIT,
        "service": "general",
        "patient": {"name": "Testi-Patient Ö", "email": email, "language": "sv"},
        "professional": {"id": "p-1", "name": "Testi-Läkare"},
        "source": "/booking-system",
    }
    return AppointmentBooked.model_validate({**told, **changes})


def moved(
    booked: AppointmentBooked, sequence: int, hours: int
) -> AppointmentRescheduled:
    return AppointmentRescheduled(
        appointment_id=booked.appointment_id,
        sequence=sequence,
        starts_at=TEN + timedelta(hours=hours),
        ends_at=TEN + timedelta(hours=hours) + HALF_HOUR,
        source="/booking-system",
    )


def cancelled(booked: AppointmentBooked, sequence: int) -> AppointmentCancelled:
    return AppointmentCancelled(
        appointment_id=booked.appointment_id,
        sequence=sequence,
        source="/booking-system",
    )


def email_of(booked: AppointmentBooked) -> str:
    return booked.patient.email.get_secret_value()


def calendar_of(mail: EmailMessage) -> Calendar:
    (part,) = (
        each for each in mail.walk() if each.get_content_type() == "text/calendar"
    )
    calendar = Calendar.from_ical(part.get_content())
    assert part.get_param("method") == calendar["method"]
    return calendar


class PatientsCalendar:
    """Does what an iTIP calendar does (RFC 5546, 2.1.5): the newest word on a UID holds."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[tuple[int, datetime], Any]] = {}

    def read(self, mail: EmailMessage) -> None:
        calendar = calendar_of(mail)
        (event,) = calendar.walk("VEVENT")
        age = (int(event["sequence"]), event.decoded("dtstamp"))
        uid = str(event["uid"])
        if uid in self._newest and self._newest[uid][0] > age:
            return
        self._newest[uid] = age, None if calendar["method"] == "CANCEL" else event

    @property
    def events(self) -> list[Any]:
        return [event for _, event in self._newest.values() if event is not None]
