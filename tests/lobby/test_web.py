"""The lobby over HTTP, with Kafka away: its word is the truth all the same."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest_asyncio
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import HttpUrl, SecretStr

from chassis.sessions import SigningKey, StaffSession, Token, VisitSession
from contract.invitation import InvitationFailed
from dev import postgres as postgreses
from services.lobby.app import assemble
from services.lobby.settings import Settings
from tests.keys import pem
from tests.lobby.conftest import Clock, Room, session, staff
from tests.logbook import listening

ORIGIN = "https://visit.test"
NOWHERE = "127.0.0.1:1"
SECRET = "Testi: tulokset ovat tulleet"
WAYS = ("away", "back") * 15


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


async def test_a_professional_says_how_late_and_the_page_shows_it(
    house: House,
) -> None:
    said = await house.room.booked()
    nurse, patient = (
        house.caller(each) for each in (staff(), session(said.appointment_id))
    )
    door = f"/lobby/api/appointments/{said.appointment_id}/delay"
    told = await (await nurse.post(door, {"minutes": 10})).json()
    late = {"minutes": 10, "inferred": False, "at": "2026-11-23T08:00:00.000+00:00"}
    assert told == {"delay": late}
    assert (await (await patient.get("/lobby/api/visit")).json())["delay"] == late
    [row] = (await (await nurse.get("/lobby/api/queue")).json())["appointments"]
    assert row["delay"] == late
    on_time = await (await nurse.post(door, {"minutes": 0})).json()
    assert on_time == {"delay": None}
    for wrong in (-1, 601, "10", None, 2.5):
        answer = await nurse.post(door, {"minutes": wrong})
        problem = await answer.json()
        assert (answer.status, problem["fields"]) == (400, ["minutes"])


async def test_from_being_away_to_being_asked_to_come_and_back(house: House) -> None:
    me, _ = await house.room.waiting()
    patient, nurse = house.caller(me), house.caller(staff())
    gone = await (await patient.post("/lobby/api/visit/away")).json()
    assert gone["place"]["away_since"] == "2026-11-23T08:00:00.000+00:00"
    person = await in_the_queue(nurse)
    assert (person["away_since"], person["summons"]) == (
        gone["place"]["away_since"],
        None,
    )
    door = f"/lobby/api/appointments/{me.appointment}/people/{me.sub}/summons"
    assert (await nurse.post(door)).status == 428
    seen = {"If-Match": f'"{person["version"]}"'}
    called = await (await nurse.post(door, **seen)).json()
    until = {"until": "2026-11-23T08:03:00.000+00:00"}
    assert called["person"]["summons"] == until
    told = await (await patient.get("/lobby/api/visit")).json()
    assert told["summons"] == until
    there = await (await patient.post("/lobby/api/visit/back")).json()
    assert (there["summons"], there["place"]["away_since"]) == (None, None)
    assert (await in_the_queue(nurse))["version"] == person["version"]


async def test_a_message_is_written_shown_and_read(house: House) -> None:
    me, _ = await house.room.waiting()
    patient, nurse = house.caller(me), house.caller(staff())
    door = f"/lobby/api/appointments/{me.appointment}/people/{me.sub}/messages"
    free = await (await nurse.post(door, {"text": f"  {SECRET}\r\nTesti "})).json()
    assert free["message"]["text"] == f"{SECRET}\nTesti"
    house.room.clock.forward(seconds=1)
    canned = await (await nurse.post(door, {"code": "soon"})).json()
    told = await (await patient.get("/lobby/api/visit")).json()
    assert told["messages"] == [free["message"], canned["message"]]
    read = f"/lobby/api/visit/messages/{free['message']['message_id']}/read"
    house.room.clock.forward(seconds=5)
    seen = (await (await patient.post(read)).json())["message"]
    assert seen == {
        **free["message"],
        "read_at": "2026-11-23T08:00:06.000+00:00",
    }
    assert seen in (await in_the_queue(nurse))["messages"]
    for strange in ("nonsense", str(uuid4())):
        answer = await patient.post(f"/lobby/api/visit/messages/{strange}/read")
        assert (answer.status, (await answer.json())["code"]) == (
            404,
            "no_such_message",
        )


async def test_what_is_no_message_is_refused_and_never_quoted(house: House) -> None:
    me, _ = await house.room.waiting()
    nurse = house.caller(staff())
    door = f"/lobby/api/appointments/{me.appointment}/people/{me.sub}/messages"
    wrong: list[dict[str, object]] = [
        {},
        {"code": "soon", "text": SECRET},
        {"code": SECRET},
        {"text": ""},
        {"text": " \n "},
        {"text": SECRET + "x" * 500},
        {"text": f"{SECRET}\x00"},
        {"text": f"{SECRET}\x1b[2J"},
        {"text": f"{SECRET}\ud800"},
        {"text": [SECRET]},
    ]
    for told in wrong:
        answer = await nurse.post(door, told)
        text = await answer.text()
        assert (answer.status, SECRET in text) == (400, False)
    longest = await nurse.post(door, {"text": "å" * 500})
    assert longest.status == 200


async def test_free_text_never_reaches_the_log(house: House) -> None:
    with listening("DEBUG") as written:
        me, _ = await house.room.waiting()
        patient, nurse = house.caller(me), house.caller(staff())
        door = f"/lobby/api/appointments/{me.appointment}/people/{me.sub}/messages"
        sent = await (await nurse.post(door, {"text": SECRET})).json()
        await nurse.post(door, {"text": SECRET * 50})
        await nurse.get("/lobby/api/queue")
        name = sent["message"]["message_id"]
        await patient.post(f"/lobby/api/visit/messages/{name}/read")
    assert "/messages" in written.getvalue()
    assert SECRET not in written.getvalue()
    async with house.room.database.reading() as tx:
        said = await tx.fetch("SELECT value FROM outbox")
    assert not any(SECRET.encode() in row["value"] for row in said)


async def test_whoever_floods_a_door_waits_and_others_do_not(house: House) -> None:
    me, _ = await house.room.waiting()
    nurse, colleague = house.caller(staff()), house.caller(staff("p-2"))
    people = f"/lobby/api/appointments/{me.appointment}/people/{me.sub}"
    answers = [await nurse.post(f"{people}/messages", {"code": "soon"})]
    while answers[-1].status == 200:
        answers.append(await nurse.post(f"{people}/messages", {"code": "soon"}))
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    late = f"/lobby/api/appointments/{me.appointment}/delay"
    assert (await nurse.post(late, {"minutes": 5})).status == 429
    assert (await colleague.post(late, {"minutes": 5})).status == 200
    patient = house.caller(me)
    comings = [await patient.post(f"/lobby/api/visit/{way}") for way in WAYS]
    assert {each.status for each in comings} == {200, 429}
    assert (await patient.get("/lobby/api/visit")).status == 200


async def test_why_an_invitation_failed_stands_in_the_queue(house: House) -> None:
    said = await house.room.booked()
    failed = InvitationFailed(
        appointment_id=said.appointment_id, kind="invitation", reason="mailbox_full"
    )
    await house.room.lobby.invitation_failed(failed)
    answer = await house.caller(staff()).get("/lobby/api/queue")
    [row] = (await answer.json())["appointments"]
    told = (row["invitation"], row["invitation_reason"])
    assert told == ("failed", "mailbox_full")


async def in_the_queue(nurse: Caller) -> dict[str, Any]:
    """The only person of the only appointment."""
    answer = await (await nurse.get("/lobby/api/queue")).json()
    [appointment] = answer["appointments"]
    [person] = appointment["people"]
    return dict(person)
