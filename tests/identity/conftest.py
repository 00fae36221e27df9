"""Identity's room over real PostgreSQL, alone or with a provider and a front door."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from io import StringIO
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.clock import Clock as Shows
from chassis.database import Database
from chassis.migrations import migrate
from contract.booking import Change, CompanionRole
from contract.booking_full import AppointmentBookedInFull
from contract.catalogue import topics
from contract.invitation import InvitationIssued
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.idp.app import application, staff_issuer, suomifi_issuer
from dev.idp.issuers import Issuer
from dev.programs import free_port
from dev.site import serve
from dev.suite import Surroundings, told
from services.identity.app import assemble
from services.identity.appointments import Appointments
from services.identity.oidc.keys import Ring
from services.identity.pseudonyms import Pseudonyms, Register
from services.identity.settings import Settings
from tests.identity.browser import Browser
from tests.identity.people import HALF_HOUR, TEN, Clock, envelope
from tests.identity.provider import own_key
from tests.logbook import listening

SECRET = SecretStr("made for one test run, and only that")


class Room:
    """Identity's appointments, and short ways to look into the tables."""

    def __init__(
        self, database: Database, clock: Shows, national_id: SecretStr = SECRET
    ) -> None:
        self.database = database
        pseudonyms = Pseudonyms(national_id, None, SECRET)
        opens = Ring(own_key("encryption", "enc")).opened
        self.register = Register(pseudonyms, opens, test_persons=True)
        self.appointments = Appointments(database, clock, self.register)

    async def hear(self, *story: Change) -> None:
        for said in story:
            if isinstance(said, AppointmentBookedInFull):
                await self.appointments.booked(said)
            else:
                await self.appointments.changed(said)

    async def invite(
        self,
        appointment_id: str,
        link: str,
        role: CompanionRole | None = None,
        until: datetime = TEN + HALF_HOUR * 48,
    ) -> None:
        said = InvitationIssued(
            **envelope(),
            appointment_id=appointment_id,
            link_digest=sha256(link.encode()).hexdigest(),
            expires_at=until,
            role=role,
        )
        await self.appointments.invited(said)

    async def rows(self, query: str, *args: object) -> Sequence[Any]:
        async with self.database.reading() as tx:
            found: Sequence[Any] = await tx.fetch(query, *args)
        return found


class Town(Room):
    """Identity behind a real port, two issuers behind another, and Kafka between."""

    suomifi: Issuer
    staff: Issuer

    def __init__(
        self, database: Database, clock: Clock, around: Surroundings, logged: StringIO
    ) -> None:
        super().__init__(database, clock, SecretStr(around.secrets.national_id))
        self.clock = clock
        self.around = around
        self._logged = logged
        self.spoil: dict[str, Any] = {}  # claims that a provider is to say instead

    def bend(self, claims: dict[str, Any]) -> dict[str, Any]:
        bent = {**claims, **self.spoil}
        return {name: value for name, value in bent.items() if value is not None}

    def browser(self) -> Browser:
        return Browser(self.around.url)

    @property
    def logged(self) -> str:
        """All that this process has logged since the town was built."""
        return self._logged.getvalue()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def room(database: postgreses.Database, clock: Clock) -> AsyncIterator[Room]:
    """Identity's tables; each test brings appointments of its own."""
    async with opening(database) as opened:
        await migrate(opened, "services.identity.migrations")
        yield Room(opened, clock)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> AsyncIterator[Town]:
    async with building(database, kafka) as town:
        yield town


@asynccontextmanager
async def building(
    database: postgreses.Database, kafka: kafkas.Cluster, **changes: str
) -> AsyncIterator[Town]:
    """A town whose identity is told these settings besides."""
    await kafkas.create_topics(kafka.servers, topics())
    port, idp_port, clock = free_port(), free_port(), Clock()
    around = Surroundings(
        url=f"http://127.0.0.1:{port}",
        idp_url=f"http://127.0.0.1:{idp_port}",
        kafka=kafka.servers,
        smtp_url="",
        databases=database.services,
        more={"PROXIES": "1", **changes},
    )
    suomifi, staff = around.clients()
    with listening("DEBUG") as logged:
        async with opening(database) as opened:
            town = Town(opened, clock, around, logged)
            issuers = (
                suomifi_issuer(around.idp_url, suomifi, clock, bend=town.bend),
                staff_issuer(around.idp_url, staff, bend=town.bend),
            )
            town.suomifi, town.staff = issuers
            app = assemble(settings(around), clock)
            async with serve(application(issuers, clock), idp_port), serve(app, port):
                yield town


@pytest.fixture
def town(built: Town) -> Town:
    """The same town for all, with the clock put back and nothing spoiled."""
    built.clock.at = TEN
    built.spoil = {}
    return built


def settings(around: Surroundings, **changes: str) -> Settings:
    environment = {**told(around)["identity"], **changes}
    return Settings(**{name.lower(): value for name, value in environment.items()})


@asynccontextmanager
async def opening(database: postgreses.Database) -> AsyncIterator[Database]:
    opened = Database(SecretStr(database.services["identity"]), "identity", 4)
    await opened.open()
    yield opened
    await opened.close()
