"""kill -9 between the commit and the publishing: nothing is lost, nothing happens twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from chassis.clock import now
from chassis.sessions import SigningKey, VisitSession
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.booking import Booking, publish
from dev.persons import person, professional
from tests.chaos.processes import ServiceProcess, running
from tests.journeys.booking_system import heard, names
from tests.journeys.suite import until
from tests.keys import pem

ORIGIN = "https://visit.test"


class LobbyProcess(ServiceProcess):
    """The lobby, and somebody who asks it."""

    async def ask(
        self, method: str, path: str, cookie: str
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Cookie": cookie, "Origin": ORIGIN}
        url = f"{self.url}{path}"
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, url, headers=headers) as answer,
        ):
            return answer.status, await answer.json()


@asynccontextmanager
async def lobby_process(
    database: postgreses.Database, kafka: str, keys_url: str
) -> AsyncIterator[LobbyProcess]:
    environment = {
        "DATABASE_URL": database.services["lobby"],
        "KAFKA_SERVERS": kafka,
        "KAFKA_FETCH_WAIT_MS": "100",
        "PUBLIC_URL": ORIGIN,
        "SESSION_KEYS_URL": keys_url,
        "ADMISSION_KEY": pem().get_secret_value(),
    }
    lobby = LobbyProcess("lobby", environment)
    async with running([lobby]):
        yield lobby


async def test_what_was_committed_before_a_kill_is_said_once_after_it(
    database: postgreses.Database, breakable_kafka: kafkas.ApacheKafka
) -> None:
    kafka = breakable_kafka
    await kafkas.create_topics(kafka.servers, topics())
    key = SigningKey(pem(), ORIGIN, now)

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [key.public]})

    identity = web.Application()
    identity.router.add_get("/keys", keys)
    async with (
        TestServer(identity) as issuer,
        lobby_process(database, kafka.servers, str(issuer.make_url("/keys"))) as lobby,
    ):
        booking = Booking(
            "killed-1", person("sv", now().date()), professional("professional"), now()
        )
        await publish(kafka.servers, [booking.said(now())])
        cookie = f"__Host-visit={key.sign(session(booking.appointment_id))}"

        async def open_now() -> bool | None:
            status, told = await lobby.ask("GET", "/lobby/api/visit", cookie)
            return (status == 200 and told["can_ask"]) or None

        await until(open_now, "the lobby has heard of the booking")

        kafka.freeze()  # from here on nothing is published
        status, asked = await lobby.ask("POST", "/lobby/api/visit/ask", cookie)
        assert (status, asked["place"]["state"]) == (200, "waiting")
        await lobby.kill()
        kafka.thaw()
        await lobby.start()

        status, again = await lobby.ask("POST", "/lobby/api/visit/ask", cookie)
        assert (status, again["place"]) == (200, asked["place"])

        async def arrived() -> list[bytes] | None:
            said = await heard(kafka.servers, "patient.waiting", booking.appointment_id)
            return names(said) or None

        assert len(set(await until(arrived, "it is said"))) == 1


def session(appointment_id: str) -> VisitSession:
    return VisitSession(
        sid="s-1",
        sub=str(uuid4()),
        appointment=appointment_id,
        role="patient",
        name=SecretStr("Testi-Maja Testström"),
        birth_year=1961,
        method="suomifi",
        exp=now() + timedelta(hours=1),
    )
