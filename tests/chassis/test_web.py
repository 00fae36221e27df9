import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import REGISTRY
from pydantic import BaseModel, SecretStr

from chassis import web as doorways
from chassis.limits import Limit
from chassis.logs import log
from chassis.refusal import Contended, Refusal, Unavailable
from chassis.sessions import KeySet, SigningKey
from chassis.web import Access, Doors, House
from tests.chassis.conftest import NINE, Watch
from tests.keys import (
    HOUR,
    ORIGIN,
    Published,
    a_professional,
    a_visit,
    signing_key,
)

Client = TestClient[web.Request, web.Application]
OURS = {"Origin": ORIGIN}


class NotOpenYet(Refusal):
    code = "not_open_yet"


class NotOpenToday(NotOpenYet):
    code = "not_open_today"


class Forgotten(Refusal):
    code = "forgotten"


class Wish(BaseModel):
    went: int
    secret: str = ""


@dataclass
class Place:
    client: Client
    key: SigningKey
    watch: Watch

    def cookies(self, session: Any, name: str) -> dict[str, str]:
        return {"Cookie": f"{name}={self.key.sign(session)}"}


def _doors(watch: Watch) -> Doors:  # noqa: C901 - one small door after another
    doors = Doors()

    @doors.get("/test/v/{link}", Access.PUBLIC)
    async def anyone(_: web.Request) -> web.Response:
        return web.Response(text="welcome")

    @doors.get("/test/visit", Access.VISIT)
    async def visit(request: web.Request) -> web.Response:
        return web.Response(text=doorways.visit(request).appointment)

    @doors.get("/test/staff", Access.STAFF)
    async def staff(request: web.Request) -> web.Response:
        return web.Response(text=",".join(doorways.staff(request).units))

    @doors.post("/test/wish", Access.PUBLIC)
    async def wish(request: web.Request) -> web.Response:
        wish = await doorways.body(request, Wish)
        return web.Response(text=str(wish.went))

    @doors.post("/test/told", Access.PROVIDER)
    async def told(_: web.Request) -> web.Response:
        return web.Response(text="heard")

    @doors.get("/test/refused", Access.PUBLIC)
    async def refused(_: web.Request) -> web.Response:
        raise NotOpenYet("It opens later.", opens_at="later")

    @doors.get("/test/refused/kind", Access.PUBLIC)
    async def refused_kind(_: web.Request) -> web.Response:
        raise NotOpenToday("It opens tomorrow.")

    @doors.get("/test/refused/unlisted", Access.PUBLIC)
    async def unlisted(_: web.Request) -> web.Response:
        raise Forgotten("Nobody wrote down a status.")

    @doors.get("/test/away", Access.PUBLIC)
    async def away(_: web.Request) -> web.Response:
        raise Unavailable("The database does not answer.")

    @doors.get("/test/met", Access.PUBLIC)
    async def met(_: web.Request) -> web.Response:
        raise Contended("The transaction met another.")

    @doors.get("/test/broken", Access.PUBLIC)
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("010190-123A")

    @doors.get("/test/moved", Access.PUBLIC)
    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPSeeOther("/test/visit")

    @doors.get("/test/limited", Access.PUBLIC, Limit(0.5, 3, watch))
    async def limited(_: web.Request) -> web.Response:
        return web.Response()

    @doors.get("/test/stream", Access.PUBLIC)
    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write_eof(b"all")
        return answer

    return doors


@pytest_asyncio.fixture(loop_scope="session")
async def place(watch: Watch) -> AsyncIterator[Place]:
    key = signing_key(watch)
    house = House(
        service="test",
        origin=ORIGIN,
        proxies=1,
        statuses={NotOpenYet: 409},
        doors=_doors(watch),
        keys=KeySet(Published(key), ORIGIN, watch),
        log=log("test"),
    )
    async with TestClient(TestServer(doorways.application(house))) as client:
        yield Place(client, key, watch)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


async def test_a_door_for_visits_takes_a_visit(place: Place) -> None:
    cookies = place.cookies(a_visit(NINE + HOUR), "__Host-visit")
    answer = await place.client.get("/test/visit", headers=cookies)
    assert (answer.status, await answer.text()) == (200, "a-1")


async def test_a_door_for_staff_takes_staff(place: Place) -> None:
    cookies = place.cookies(a_professional(NINE + HOUR, "u1", "u2"), "__Host-staff")
    answer = await place.client.get("/test/staff", headers=cookies)
    assert (answer.status, await answer.text()) == (200, "u1,u2")


@pytest.mark.parametrize("path", ["/test/visit", "/test/staff"])
async def test_a_door_does_not_take_another_session(place: Place, path: str) -> None:
    visit, staff = a_visit(NINE + HOUR), a_professional(NINE + HOUR, "u1")
    wrong = (
        {},
        place.cookies(staff, "__Host-visit"),
        place.cookies(visit, "__Host-staff"),
        place.cookies(a_visit(NINE), "__Host-visit"),
        place.cookies(visit if "staff" in path else staff, "visit"),
    )
    for cookies in wrong:
        answer = await place.client.get(path, headers=cookies)
        assert answer.status == 401
        assert (await answer.json())["code"] == "no_session"


async def _problem(place: Place, path: str, **more: Any) -> dict[str, Any]:
    answer = await place.client.get(path, **more)
    assert answer.content_type == "application/problem+json"
    told: dict[str, Any] = await answer.json()
    assert told["status"] == answer.status
    assert told["type"] == "about:blank"
    return told


async def test_a_refusal_is_a_problem_with_its_code(place: Place) -> None:
    told = await _problem(place, "/test/refused")
    assert told == {
        "type": "about:blank",
        "title": "It opens later.",
        "status": 409,
        "code": "not_open_yet",
        "opens_at": "later",
    }


async def test_a_kind_of_refusal_has_the_status_of_its_family(place: Place) -> None:
    told = await _problem(place, "/test/refused/kind")
    assert (told["status"], told["code"]) == (409, "not_open_today")


async def test_a_refusal_that_nobody_gave_a_status_is_our_mistake(
    place: Place,
) -> None:
    told = await _problem(place, "/test/refused/unlisted")
    assert (told["status"], told["code"]) == (500, "forgotten")


async def test_what_we_lean_on_being_away_says_when_to_try_again(place: Place) -> None:
    answer = await place.client.get("/test/away")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "3"
    assert (await answer.json())["code"] == "unavailable"


async def test_what_met_another_may_be_tried_again_at_once(place: Place) -> None:
    answer = await place.client.get("/test/met")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"


async def test_a_failure_says_nothing_of_its_cause(
    place: Place, logged: list[Any]
) -> None:
    answer = await place.client.get("/test/broken")
    assert answer.status == 500
    assert "010190" not in await answer.text()
    assert "010190" not in json.dumps(logged, default=str)
    assert any(entry.get("error") == "RuntimeError" for entry in logged)


async def test_a_redirection_is_no_problem(place: Place) -> None:
    answer = await place.client.get("/test/moved", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/test/visit")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/test/nothing", 404, "not_found"),
        ("PUT", "/test/wish", 405, "method_not_allowed"),
        ("POST", "/test/wish", 413, "too_large"),
    ],
)
async def test_what_aiohttp_refuses_has_a_code_too(
    place: Place, method: str, path: str, status: int, code: str
) -> None:
    """Codes are ours: the standard's phrases differ between versions of Python."""
    answer = await place.client.request(
        method, path, headers=OURS, data=b"x" * 70_000 if method == "POST" else None
    )
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    assert (await answer.json())["code"] == code


@pytest.mark.parametrize(
    "path",
    [
        "/test/v/abc",
        "/test/nothing",
        "/test/broken",
        "/test/visit",
        "/test/away",
        "/test/moved",
        "/test/stream",
    ],
)
async def test_every_answer_has_the_headers(place: Place, path: str) -> None:
    answer = await place.client.get(path, allow_redirects=False)
    for name, value in doorways.HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", f"{ORIGIN}.evil.example"]
)
async def test_an_unsafe_request_from_elsewhere_is_refused(
    place: Place, origin: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    answer = await place.client.post("/test/wish", json={"went": 1}, headers=headers)
    assert answer.status == 403
    assert (await answer.json())["code"] == "wrong_origin"


def test_a_door_of_programs_has_a_key_and_no_other_door() -> None:
    for access, key in ((Access.PROGRAM, None), (Access.PUBLIC, SecretStr("key"))):
        with pytest.raises(ValueError, match="key"):
            Doors().post("/test/x", access, key=key)


async def test_an_unsafe_request_from_our_pages_is_taken(place: Place) -> None:
    answer = await place.client.post("/test/wish", json={"went": 7}, headers=OURS)
    assert (answer.status, await answer.text()) == (200, "7")


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://idp.example"}])
async def test_a_provider_comes_from_elsewhere(
    place: Place, headers: dict[str, str]
) -> None:
    answer = await place.client.post("/test/told", headers=headers)
    assert (answer.status, await answer.text()) == (200, "heard")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"went":"secretly"}', b"\xff"])
async def test_a_body_of_the_wrong_shape_is_refused_and_not_quoted(
    place: Place, body: bytes
) -> None:
    answer = await place.client.post("/test/wish", data=body, headers=OURS)
    assert answer.status == 400
    told = await answer.text()
    assert json.loads(told)["code"] == "bad_request"
    assert "secretly" not in told


async def test_a_limited_door_says_when_to_come_back(place: Place) -> None:
    answers = [await place.client.get("/test/limited") for _ in range(4)]
    assert [each.status for each in answers] == [200, 200, 200, 429]
    assert answers[3].headers["Retry-After"] == "2"
    assert (await answers[3].json())["code"] == "too_many"
    place.watch.turn(timedelta(seconds=2))
    assert (await place.client.get("/test/limited")).status == 200


async def test_a_limit_is_for_one_client(place: Place) -> None:
    for _ in range(4):
        tired = {"X-Forwarded-For": "192.0.2.1"}
        last = await place.client.get("/test/limited", headers=tired)
    assert last.status == 429
    fresh = {"X-Forwarded-For": "192.0.2.2"}
    assert (await place.client.get("/test/limited", headers=fresh)).status == 200


async def test_what_the_client_itself_says_of_its_address_is_not_believed(
    place: Place,
) -> None:
    """Some proxies lengthen the header, others add one; the last address is theirs."""
    statuses = []
    for made_up in range(4):
        headers = [
            ("X-Forwarded-For", f"198.51.100.{made_up}"),
            ("X-Forwarded-For", f"198.51.100.{made_up}, 192.0.2.1"),
        ]
        answer = await place.client.get("/test/limited", headers=headers)
        statuses.append(answer.status)
    assert statuses[-1] == 429


async def test_the_log_holds_the_route_and_never_the_path(
    place: Place, logged: list[Any]
) -> None:
    await place.client.get("/test/v/secret-link?also=secret")
    await place.client.get("/test/v/secret-link/further")
    entries = [each for each in logged if each["event"] == "A request was answered."]
    assert [each["route"] for each in entries] == ["/test/v/{link}", "none"]
    assert "secret" not in json.dumps(logged, default=str)


async def test_the_metrics_hold_the_route_and_never_the_path(place: Place) -> None:
    await place.client.get("/test/v/secret-link")
    labels = {
        "service": "test",
        "method": "GET",
        "route": "/test/v/{link}",
        "status": "200",
    }
    assert REGISTRY.get_sample_value("chassis_request_seconds_count", labels)
    values = [
        value
        for family in REGISTRY.collect()
        for sample in family.samples
        for value in sample.labels.values()
    ]
    assert not any("secret" in each for each in values)


async def test_a_method_that_nobody_knows_makes_no_new_metric(place: Place) -> None:
    """A label whose values strangers choose grows without end."""
    for method in ("ZIGZAG1", "ZIGZAG2"):
        await place.client.request(method, "/test/v/abc", headers=OURS)
    methods = {
        sample.labels["method"]
        for family in REGISTRY.collect()
        for sample in family.samples
        if "method" in sample.labels
    }
    assert not any("ZIGZAG" in each for each in methods)


async def test_a_client_that_goes_away_is_no_failure(
    place: Place, logged: list[Any]
) -> None:
    server = place.client.server
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(
        b"POST /test/wish HTTP/1.1\r\nHost: x\r\nOrigin: " + ORIGIN.encode() + b"\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await place.client.get("/test/v/abc")).status == 200
    assert not [each for each in logged if each["log_level"] == "error"]
