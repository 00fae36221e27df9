"""The lobby over HTTP, with Kafka away: its word is the truth all the same."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest_asyncio
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import HttpUrl, SecretStr

from chassis.sessions import SigningKey, StaffSession, Token, VisitSession
from dev import postgres as postgreses
from services.lobby.app import assemble
from services.lobby.settings import Settings
from tests.keys import pem
from tests.lobby.conftest import Clock, Room, session, staff
from tests.logbook import listening

ORIGIN = "https://visit.test"
NOWHERE = "127.0.0.1:1"


@dataclass
class Caller:
    """A browser with one session, as the lobby sees it."""

    client: TestClient[web.Request, web.Application]
    key: SigningKey
    holder: Token

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(path, headers={**self._cookie(), **headers})

    async def post(
        self, path: str, told: object = None, **headers: str
    ) -> ClientResponse:
        given = {**self._cookie(), "Origin": ORIGIN, **headers}
        return await self.client.post(path, json=told, headers=given)

    def _cookie(self) -> dict[str, str]:
        kind = "visit" if isinstance(self.holder, VisitSession) else "staff"
        return {"Cookie": f"__Host-{kind}={self.key.sign(self.holder)}"}


@dataclass
class House:
    """The lobby as it is served, and who may call at it."""

    room: Room
    client: TestClient[web.Request, web.Application]
    key: SigningKey

    def caller(self, holder: VisitSession | StaffSession) -> Caller:
        return Caller(self.client, self.key, holder)


@pytest_asyncio.fixture(loop_scope="session")
async def house(database: postgreses.Database, room: Room) -> AsyncIterator[House]:
    clock: Clock = room.clock
    key = SigningKey(pem(), ORIGIN, clock)

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [key.public]})

    identity = web.Application()
    identity.router.add_get("/identity/jwks.json", keys)
    async with TestServer(identity) as issuer:
        settings = Settings(
            database_url=SecretStr(database.services["lobby"]),
            kafka_servers=NOWHERE,
            public_url=HttpUrl(ORIGIN),
            session_keys_url=str(issuer.make_url("/identity/jwks.json")),
            admission_key=pem(),
        )
        async with TestClient(TestServer(assemble(settings, clock))) as client:
            yield House(room, client, key)


async def test_without_a_session_nothing_is_told(house: House) -> None:
    for path in ("/lobby/api/visit", "/lobby/api/queue"):
        answer = await house.client.get(path)
        assert (answer.status, (await answer.json())["code"]) == (401, "no_session")


async def test_a_visit_session_opens_no_staff_door(house: House) -> None:
    patient = house.caller(session("a-x"))
    answer = await patient.get("/lobby/api/queue")
    assert answer.status == 401


async def test_a_request_from_another_site_is_refused(house: House) -> None:
    said = await house.room.booked()
    patient = house.caller(session(said.appointment_id))
    answer = await patient.post("/lobby/api/visit/ask", Origin="https://evil.test")
    assert (answer.status, (await answer.json())["code"]) == (403, "wrong_origin")


async def test_too_early_the_server_refuses_and_says_when_it_opens(
    house: House,
) -> None:
    said = await house.room.booked()
    patient = house.caller(session(said.appointment_id))
    house.room.clock.forward(minutes=-5)
    told = await (await patient.get("/lobby/api/visit")).json()
    assert (told["can_ask"], told["place"]["state"]) == (False, "identified")
    answer = await patient.post("/lobby/api/visit/ask")
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (409, "not_open_yet")
    assert problem["opens_at"] == said.starts_at.isoformat()
    assert answer.content_type == "application/problem+json"


async def test_from_asking_to_the_signed_admission_with_kafka_away(
    house: House,
) -> None:
    said = await house.room.booked()
    me = session(said.appointment_id)
    patient, nurse = house.caller(me), house.caller(staff())
    asked = await (await patient.post("/lobby/api/visit/ask")).json()
    assert (asked["place"]["state"], asked["ahead"]) == ("waiting", "next")

    [appointment] = (await (await nurse.get("/lobby/api/queue")).json())["appointments"]
    [person] = appointment["people"]
    assert (person["state"], person["present"]) == ("waiting", True)
    assert person["name"] == "Testi-Maija Testinen"

    door = f"/lobby/api/appointments/{said.appointment_id}/people/{me.sub}/admission"
    seen = {"If-Match": f'"{person["version"]}"'}
    opened = await nurse.post(door, **seen)
    assert opened.status == 200
    assert (await opened.json())["admission"]

    second = await house.caller(staff("p-2")).post(door, **seen)
    told = await second.json()
    assert (second.status, told["code"], told["by"]) == (
        412,
        "someone_was_first",
        "Testi-p-1",
    )
    let_in = await (await patient.get("/lobby/api/visit")).json()
    assert (let_in["place"]["state"], bool(let_in["admission"])) == ("admitted", True)
    back = f"/lobby/api/appointments/{said.appointment_id}/admission"
    assert (await nurse.get(back)).status == 200
    assert (await house.caller(staff("p-2")).get(back)).status == 404


async def test_a_decision_must_say_what_it_was_made_on(house: House) -> None:
    said = await house.room.booked()
    me = session(said.appointment_id)
    await house.caller(me).post("/lobby/api/visit/ask")
    nurse = house.caller(staff())
    door = f"/lobby/api/appointments/{said.appointment_id}/people/{me.sub}"
    assert (await nurse.post(f"{door}/admission")).status == 428
    bad = await nurse.post(f"{door}/admission", **{"If-Match": "soon"})
    assert bad.status == 400
    nobody = f"/lobby/api/appointments/{said.appointment_id}/people/{uuid4()}"
    answer = await nurse.post(f"{nobody}/admission", **{"If-Match": '"1"'})
    assert (answer.status, (await answer.json())["code"]) == (404, "nobody_there")
    strange = await nurse.post(
        f"{door}/refusal", {"reason": "I feel like it"}, **{"If-Match": '"2"'}
    )
    problem = await strange.json()
    assert (strange.status, problem["fields"]) == (400, ["reason"])
    assert "feel" not in str(problem)


async def test_each_page_is_in_each_language_and_holds_nothing_foreign(
    house: House,
) -> None:
    for path in ("/", "/v/abcdefghijklmnopqrstuv", "/entry", "/visit", "/staff"):
        for language in ("sv", "fi", "en"):
            answer = await house.client.get(path, params={"lang": language})
            text = await answer.text()
            assert answer.status == 200
            assert f'<html lang="{language}"' in text
            assert "abcdefghijklmnopqrstuv" not in text
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.cookies["language"].value == language


async def test_the_language_is_kept_or_else_the_browsers(house: House) -> None:
    kept = await house.client.get("/", headers={"Cookie": "language=en"})
    assert '<html lang="en"' in await kept.text()
    browsers = await house.client.get(
        "/", headers={"Accept-Language": "fi-FI,sv;q=0.5"}
    )
    assert '<html lang="fi"' in await browsers.text()
    unknown = await house.client.get("/", headers={"Accept-Language": "de"})
    assert '<html lang="sv"' in await unknown.text()


async def test_files_are_kept_for_ever_under_a_name_that_changes_with_them(
    house: House,
) -> None:
    text = await (await house.client.get("/")).text()
    version = text.split('data-version="')[1].split('"')[0]
    answer = await house.client.get(f"/static/{version}/style.css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"  # a login changes no file
    assert (await house.client.get("/static/other/style.css")).status == 404


async def test_what_is_not_there_is_a_page_with_a_next_step(house: House) -> None:
    answer = await house.client.get("/no/such/page")
    assert answer.status == 404
    assert "<html" in await answer.text()
    sorry = await house.client.get("/sorry/wrong_person")
    assert sorry.status == 200


async def test_a_link_never_reaches_the_log(house: House) -> None:
    with listening() as written:
        await house.client.get("/v/abcdefghijklmnopqrstuv")
    assert "abcdefghijklmnopqrstuv" not in written.getvalue()
    assert "/v/{link}" in written.getvalue()
