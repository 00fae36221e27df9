"""A notifier to listen to: its database, its keys, and instances that really run."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from chassis.database import Database
from chassis.logs import log
from chassis.migrations import migrate
from chassis.sessions import SigningKey, Token
from contract.booking import Change
from contract.envelope import Event
from dev import postgres
from services.notifier.app import assemble
from services.notifier.bells import Bells
from services.notifier.flows import Notifier
from services.notifier.patients import Patients
from services.notifier.settings import NotifierSettings
from services.notifier.units import Units
from services.notifier.waking import Waking
from tests.chassis.conftest import Watch
from tests.keys import ORIGIN, Published, pem, signing_key
from tests.notifier import desk as desks
from tests.notifier.streams import Listener, listening

NOWHERE = "127.0.0.1:1"  # a Kafka that never answers: not every test needs one
SUPPLIERS: dict[str, Any] = {
    "smtp_url": SecretStr("smtp://127.0.0.1:1"),
    "mail_from": "Testi <t@visit.test>",
    "vapid_key": pem(),
}


@dataclass
class House:
    """One database, one key, one clock, and as many instances as a test wants."""

    database_url: str
    keys_url: str
    key: SigningKey
    watch: Watch
    notifier: Notifier  # another instance that hears what the test says
    kafka: str = NOWHERE
    servers: list[TestServer] = field(default_factory=list)

    async def hear(self, *events: Event) -> None:
        """As when Kafka brings them, to the other instance."""
        for event in events:
            if isinstance(event, Change):
                await self.notifier.change(event)
            else:
                await self.notifier.tell(event)

    def app(self, **more: Any) -> web.Application:
        settings = NotifierSettings(
            database_url=SecretStr(self.database_url),
            kafka_servers=self.kafka,
            kafka_fetch_wait_ms=20,
            public_url=ORIGIN,
            session_keys_url=self.keys_url,
            **{**SUPPLIERS, **more},
        )
        return assemble(settings, self.watch, chance=lambda: 0.5)

    async def instance(self, **more: Any) -> TestServer:
        server = TestServer(self.app(**more))
        await server.start_server()
        self.servers.append(server)
        return server

    def listening(
        self, server: TestServer, session: Token, last: int | str | None = None
    ) -> "AsyncIterator[Listener]":
        return listening(server, self.headers(session, last), session.kind)  # type: ignore[return-value]

    def headers(self, session: Token, last: int | str | None = None) -> dict[str, str]:
        headers = {"Cookie": f"__Host-{session.kind}={self.key.sign(session)}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        return headers


@asynccontextmanager
async def _publishing(key: SigningKey) -> AsyncIterator[str]:
    """Identity's key set, over HTTP."""
    published = Published(key)

    async def keys(_: web.Request) -> web.Response:
        document: Mapping[str, Any] = await published()
        return web.json_response(document)

    app = web.Application()
    app.router.add_get("/identity/jwks.json", keys)
    async with TestServer(app) as server:
        yield str(server.make_url("/identity/jwks.json"))


@pytest_asyncio.fixture(loop_scope="session")
async def house(postgres: postgres.Server) -> AsyncIterator[House]:
    async with _fresh(postgres.admin) as made:
        url = made.services["notifier"]
        database = Database(SecretStr(url), "notifier", size=4)
        await database.open()
        await migrate(database, "services.notifier.migrations")
        watch = Watch()
        key = signing_key(watch)
        async with _publishing(key) as keys_url:
            bells = Bells(database, watch, log("notifier"), Waking(Units()))
            ears = (bells, Patients(watch, uuid4, texts=True))
            notifier = Notifier(database, watch, ears)
            house = House(url, keys_url, key, watch, notifier)
            yield house
            for server in house.servers:
                await server.close()
        await database.close()


_fresh = postgres.fresh_database


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(database: postgres.Database) -> AsyncIterator[Database]:
    made = Database(SecretStr(database.services["notifier"]), "notifier")
    await made.open()
    await migrate(made, "services.notifier.migrations")
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(room: Database) -> AsyncIterator[desks.Desk]:
    """Empty, with suppliers of its own."""
    async with room.writing() as tx:
        await tx.execute(desks.EVERYTHING)
    async with desks.desk(room) as made:
        yield made
