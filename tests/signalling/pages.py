"""Pages in a call: real sockets to a real signalling, and the lobby that lets them in."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self
from uuid import UUID, uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from chassis.clock import Clock, now
from chassis.database import Database
from chassis.outbox import Outbox
from chassis.sessions import Admission, SigningKey, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from contract.booking import AppointmentCancelled
from contract.envelope import Event
from contract.lobby import PatientAdmitted, PatientReturned
from contract.signalling import CallEnded, CallStarted
from contract.slot import Slot
from services.signalling.app import assemble
from services.signalling.flows import Signalling
from services.signalling.protocol import SUBPROTOCOL
from services.signalling.settings import Settings
from tests.keys import HOUR, ORIGIN, signing_key

PATIENCE = 20.0  # seconds until a test gives up; no test is measured by it
NOBODY = "127.0.0.1:1"  # a Kafka that is not there: what is said stays in the outbox
Frame = dict[str, Any]
_numbers = count(1)


class HungUp(Exception):
    """The socket was closed instead; `args` holds the code."""


class Page:
    """A browser's side of one socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.session = ""
        self.seen = 0

    async def say(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def hear(self) -> Frame:
        """The next frame. Raises `HungUp`."""
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise HungUp(self.socket.close_code)
        frame: Frame = json.loads(message.data)
        self.seen = frame["seq"] or self.seen
        return frame

    async def until(self, kind: str) -> Frame:
        """The next frame of this type; others are passed over."""
        while (frame := await self.hear())["type"] != kind:
            pass
        return frame

    async def hello(
        self, admission: str | None = None, resume: Frame | None = None
    ) -> Frame:
        """Says hello; the answer that follows the waiting, if there was any."""
        await self.say(type="hello", admission=admission, resume=resume)
        return await self.welcomed()

    async def welcomed(self) -> Frame:
        welcome = await self.until("welcome")
        self.session = welcome["session"]
        return welcome

    async def refusal(self) -> tuple[str, str, int]:
        """Code and action of the error that comes, and the code of the close."""
        error = await self.until("error")
        return error["code"], error["action"], await self.close_code()

    async def close_code(self) -> int:
        try:
            while True:
                await self.hear()
        except HungUp as closed:
            code: int = closed.args[0]
            return code

    def resume_of(self, seen: int | None = None) -> Frame:
        return {
            "session": self.session,
            "seen": self.seen if seen is None else seen,
        }

    async def lose(self) -> None:
        """As a network that goes away: no close frame."""
        connection = self.socket._response.connection  # noqa: SLF001 - nothing public is this rude
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        await self.socket.close()


@dataclass(frozen=True)
class Visit:
    """One appointment and whom it brings together."""

    appointment: str = field(default_factory=lambda: f"a-{next(_numbers)}")
    patient: str = field(default_factory=lambda: str(uuid4()))
    professional: str = field(default_factory=lambda: f"p-{next(_numbers)}")


class House:
    """Signalling as it runs, with its surroundings: identity, the lobby, Kafka's word."""

    def __init__(self, database: Database) -> None:
        self.identity = signing_key(now)
        self.lobby = signing_key(now)
        self.database = database
        # Another process of the same service, which hears what Kafka brings.
        self.elsewhere = Signalling(database, Outbox("signalling", now), now)
        self.client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.url = ""
        self.keys_url = ""
        self.pages: list[Page] = []

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Self]:
        """The key sets of identity and of the lobby."""
        app = web.Application()
        for service, key in (("identity", self.identity), ("lobby", self.lobby)):
            app.router.add_get(f"/{service}/jwks.json", _publish(key))
        async with TestServer(app) as server, self.client:
            self.keys_url = str(server.make_url("")).rstrip("/")
            yield self

    def settings(self, database_url: str, **changes: Any) -> Settings:
        told: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "kafka_servers": NOBODY,
            "public_url": ORIGIN,
            "session_keys_url": f"{self.keys_url}/identity/jwks.json",
            "admission_keys_url": f"{self.keys_url}/lobby/jwks.json",
            "handshakes_burst": 1_000_000,
        }
        return Settings.model_validate(told | changes)

    @asynccontextmanager
    async def running(
        self, settings: Settings, clock: Clock = now
    ) -> AsyncIterator[TestServer]:
        """One process of signalling; `connect` calls it meanwhile."""
        async with TestServer(assemble(settings, clock)) as server:
            before, self.url = self.url, str(server.make_url("")).rstrip("/")
            yield server
            await self.hang_up()
            self.url = before

    async def connect(
        self,
        appointment: str,
        cookies: dict[str, str],
        speaks: str,
        origin: str = ORIGIN,
    ) -> Page:
        told = "; ".join(f"{name}={value}" for name, value in cookies.items())
        socket = await self.client.ws_connect(
            f"{self.url}/signalling/{appointment}?as={speaks}",
            headers={"Origin": origin, "Cookie": told},
            protocols=(SUBPROTOCOL,),
            autoping=True,
        )
        page = Page(socket)
        self.pages.append(page)
        return page

    def at(self, url: str) -> "House":
        """The same surroundings, calling the instance at this address."""
        there = copy(self)
        there.url = url
        return there

    @asynccontextmanager
    async def instances(
        self, database_url: str, number: int, **changes: Any
    ) -> AsyncIterator[list["House"]]:
        """So many instances over one database, all in this process."""
        async with AsyncExitStack() as stack:
            settings = self.settings(database_url, **changes)
            servers = [
                await stack.enter_async_context(self.running(settings))
                for _ in range(number)
            ]
            yield [self.at(str(each.make_url("")).rstrip("/")) for each in servers]

    async def hang_up(self) -> None:
        """No socket outlives its test."""
        for page in self.pages:
            await page.lose()
        self.pages.clear()

    async def patient(self, visit: Visit) -> Page:
        return await self.guest(visit, visit.patient, "patient")

    async def guest(self, visit: Visit, person: str, role: str) -> Page:
        cookie = self.visit_cookie(visit.appointment, person, role)
        return await self.connect(visit.appointment, {VISIT_COOKIE: cookie}, "visit")

    async def professional(self, visit: Visit, staff: str | None = None) -> Page:
        cookie = self.staff_cookie(staff or visit.professional)
        return await self.connect(visit.appointment, {STAFF_COOKIE: cookie}, "staff")

    async def together(self, visit: Visit) -> tuple[Page, Page]:
        """The patient and the professional, both in."""
        await self.admit(visit)
        patient = await self.patient(visit)
        await patient.hello()
        professional = await self.professional(visit)
        await professional.hello()
        await patient.until("joined")
        return patient, professional

    def visit_cookie(
        self, appointment: str, person: str, role: str, until: datetime | None = None
    ) -> str:
        session = VisitSession(
            sid="s-1",
            sub=person,
            exp=until or now() + HOUR,
            appointment=appointment,
            role=role,
            name=SecretStr("Testi Testinen"),
            birth_year=1980,
            method="mobile",
        )
        return self.identity.sign(session)

    def staff_cookie(self, staff: str, until: datetime | None = None) -> str:
        session = StaffSession(
            sid="s-1",
            sub=staff,
            exp=until or now() + HOUR,
            name="Testi Hoitaja",
            units=("u1",),
        )
        return self.identity.sign(session)

    def signed(
        self,
        visit: Visit,
        person: str,
        role: str,
        key: SigningKey | None = None,
        slot: Slot | None = None,
    ) -> str:
        """The lobby's word, as its answer carries it."""
        word = Admission(
            sub=person,
            exp=now() + timedelta(seconds=60),
            appointment=visit.appointment,
            role=role,
            starts_at=slot.starts_at if slot else None,
            sequence=slot.sequence if slot else None,
        )
        return (key or self.lobby).sign(word)

    async def admit(
        self, visit: Visit, person: str | None = None, slot: Slot | None = None
    ) -> None:
        said = PatientAdmitted(
            source="/lobby",
            appointment_id=visit.appointment,
            person_id=UUID(person or visit.patient),
            professional_id=visit.professional,
            at=now(),
        )
        await self.elsewhere.admit(said.about(slot))

    async def take_back(
        self, visit: Visit, at: datetime | None = None, slot: Slot | None = None
    ) -> None:
        said = PatientReturned(
            source="/lobby",
            appointment_id=visit.appointment,
            person_id=UUID(visit.patient),
            professional_id=visit.professional,
            at=at or now(),
        )
        await self.elsewhere.take_back(said.about(slot))

    async def cancel(self, visit: Visit, sequence: int = 1) -> None:
        said = AppointmentCancelled(
            source="/booking", appointment_id=visit.appointment, sequence=sequence
        )
        await self.elsewhere.cancel(said)

    async def said(self, visit: Visit) -> list[Event]:
        """What waits in the outbox about this appointment, in order."""
        kinds: dict[str, type[Event]] = {
            each.topic: each for each in (CallStarted, CallEnded)
        }
        async with self.database.reading() as tx:
            rows = await tx.fetch(
                "SELECT topic, value FROM outbox WHERE key = $1 ORDER BY id",
                visit.appointment.encode(),
            )
        return [kinds[row["topic"]].model_validate_json(row["value"]) for row in rows]

    async def topics(self, visit: Visit) -> list[str]:
        return [each.topic for each in await self.said(visit)]


def a_description(text: str = "v=0", kind: str = "offer") -> Frame:
    return {"type": kind, "sdp": text}


def a_candidate(number: int = 1) -> Frame:
    return {
        "candidate": f"candidate:{number} 1 udp 1 127.0.0.1 {number} typ host",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
        "usernameFragment": None,
    }


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _publish(key: SigningKey) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def publish(_: web.Request) -> web.Response:
        return web.json_response({"keys": [key.public]})

    return publish
