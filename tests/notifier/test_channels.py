"""How somebody wants to be told, asked and said through the doors."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Self
from uuid import UUID

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from chassis.sessions import Token
from services.notifier import subscription_store
from tests.chassis.conftest import NINE
from tests.keys import ORIGIN, a_professional, a_visit
from tests.notifier.conftest import House
from tests.notifier.desk import PHONE, with_texts
from tests.notifier.events import HOUR, booked
from tests.notifier.suppliers import PushingBrowser, Supplier

VISIT = a_visit(NINE + HOUR)
COMPANION = VISIT.model_copy(update={"role": "interpreter"})
STAFF = a_professional(NINE + HOUR, "u1")
SUBSCRIPTION = "/notifier/api/push/subscription"
DEAD = Supplier("https://fcm.googleapis.com")


class Page:
    """A page of our own, with a session."""

    def __init__(self, house: House, server: TestServer, session: Token) -> None:
        self.headers = {**house.headers(session), "Origin": ORIGIN}
        self._server = server
        self._client = ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(self, method: str, path: str, told: Any = None) -> tuple[int, Any]:
        url = self._server.make_url(path)
        async with self._client.request(
            method, url, json=told, headers=self.headers
        ) as answer:
            is_json = answer.content_type.endswith("json")
            return answer.status, await answer.json() if is_json else None


def page(
    house: House, server: TestServer, session: Token = VISIT
) -> AbstractAsyncContextManager[Page]:
    return Page(house, server, session)


async def started(house: House, **more: Any) -> TestServer:
    return await house.instance(sms_url="https://gateway.example/send", **more)


async def test_a_page_learns_how_its_patient_can_be_told(house: House) -> None:
    server = await started(house)
    await house.hear(with_texts())
    async with page(house, server) as ours:
        assert await ours.ask("GET", "/notifier/api/visit/channels") == (
            200,
            {
                "push": False,
                "text_messages": {
                    "possible": True,
                    "agreed": True,
                    "ends_with": PHONE[-2:],
                },
            },
        )


async def test_a_patient_may_agree_and_change_their_mind(house: House) -> None:
    server = await started(house)
    await house.hear(with_texts(agreed=False))
    async with page(house, server) as ours:
        for agreed in (True, False):
            told = {"text_messages": agreed}
            status, ways = await ours.ask("PUT", "/notifier/api/visit/consent", told)
            assert (status, ways["text_messages"]["agreed"]) == (200, agreed)


async def test_consent_before_the_booking_is_heard_holds(house: House) -> None:
    server = await started(house)
    async with page(house, server) as ours:
        await ours.ask("PUT", "/notifier/api/visit/consent", {"text_messages": True})
        await house.hear(with_texts(agreed=False))
        _, ways = await ours.ask("GET", "/notifier/api/visit/channels")
    assert ways["text_messages"]["agreed"]


async def test_a_companion_neither_decides_nor_sees_the_number(house: House) -> None:
    server = await started(house)
    await house.hear(with_texts())
    nothing = {"possible": False, "agreed": False, "ends_with": None}
    async with page(house, server, COMPANION) as ours:
        _, ways = await ours.ask("GET", "/notifier/api/visit/channels")
        assert ways["text_messages"] == nothing
        status, refused = await ours.ask(
            "PUT", "/notifier/api/visit/consent", {"text_messages": True}
        )
    assert (status, refused["code"]) == (403, "not_your_telephone")


@pytest.mark.parametrize("gateway", ["", "https://gateway.example/send"])
async def test_without_number_or_gateway_texts_are_not_possible(
    house: House, gateway: str
) -> None:
    server = await house.instance(sms_url=gateway)
    await house.hear(booked() if gateway else with_texts())
    async with page(house, server) as ours:
        _, ways = await ours.ask("GET", "/notifier/api/visit/channels")
    assert not ways["text_messages"]["possible"]


async def test_a_browser_subscribes_with_our_key_and_ends_it(house: House) -> None:
    server = await started(house)
    browser = PushingBrowser(DEAD, "one")
    async with page(house, server) as ours:
        _, told = await ours.ask("GET", "/notifier/api/push/key")
        assert len(told["key"]) == 87  # 65 bytes in base64url
        for _ in range(2):
            status, _ = await ours.ask("POST", SUBSCRIPTION, browser.told())
            assert status == 204
        assert await _subscribed(house) == 1
        _, ways = await ours.ask("GET", "/notifier/api/visit/channels")
        assert ways["push"]
        gone = {"endpoint": browser.endpoint}
        assert (await ours.ask("DELETE", SUBSCRIPTION, gone))[0] == 204
    assert await _subscribed(house) == 0


async def _subscribed(house: House) -> int:
    async with house.notifier.database.reading() as tx:
        found = await subscription_store.of_visit(tx, "a-1", UUID(VISIT.sub), NINE)
    return len(found)


async def test_nobody_ends_what_another_subscribed(house: House) -> None:
    server = await started(house)
    browser = PushingBrowser(DEAD, "one")
    other = VISIT.model_copy(update={"sub": "00000000-0000-4000-8000-000000000009"})
    async with page(house, server) as ours, page(house, server, other) as theirs:
        await ours.ask("POST", SUBSCRIPTION, browser.told())
        await theirs.ask("DELETE", SUBSCRIPTION, {"endpoint": browser.endpoint})
        _, ways = await ours.ask("GET", "/notifier/api/visit/channels")
    assert ways["push"]


async def test_a_professional_is_told_of_their_units_until_they_go_home(
    house: House,
) -> None:
    server = await started(house)
    browser = PushingBrowser(DEAD, "one")
    async with page(house, server, STAFF) as ours:
        status, _ = await ours.ask("POST", SUBSCRIPTION, browser.told())
    assert status == 204
    async with house.notifier.database.reading() as tx:
        for unit, at, count in (
            ("u1", NINE, 1),
            ("u2", NINE, 0),
            ("u1", NINE + 12 * HOUR, 0),
        ):
            found = await subscription_store.of_unit(tx, unit, at)
            assert len(found) == count


async def test_of_many_browsers_only_ten_are_told_and_the_newest_is_one(
    house: House,
) -> None:
    server = await started(house)
    async with page(house, server) as ours:
        for number in range(12):
            browser = PushingBrowser(DEAD, str(number))
            await ours.ask("POST", SUBSCRIPTION, browser.told())
    async with house.notifier.database.reading() as tx:
        found = await subscription_store.of_visit(tx, "a-1", UUID(VISIT.sub), NINE)
    endpoints = {each.endpoint.get_secret_value() for each in found}
    assert len(endpoints) == 10
    assert browser.endpoint in endpoints


async def test_a_push_service_that_we_do_not_know_is_refused(house: House) -> None:
    server = await started(house)
    browser = PushingBrowser(Supplier("https://169.254.169.254"), "x")
    async with page(house, server) as ours:
        status, refused = await ours.ask("POST", SUBSCRIPTION, browser.told())
    assert (status, refused["code"]) == (422, "endpoint_refused")


@pytest.mark.parametrize(
    "change",
    [
        {"keys": {}},
        {"keys": {"p256dh": "AAAA", "auth": "A" * 22}},
        {"keys": {"p256dh": "x y", "auth": "A" * 22}},
        {"endpoint": "https://fcm.googleapis.com/" + "x" * 1000},
        {"language": "de"},
    ],
)
async def test_what_is_no_subscription_is_refused(
    house: House, change: dict[str, Any]
) -> None:
    server = await started(house)
    told = {**PushingBrowser(DEAD, "one").told(), **change}
    async with page(house, server) as ours:
        status, refused = await ours.ask("POST", SUBSCRIPTION, told)
    assert (status, refused["code"]) == (400, "bad_request")


async def test_a_short_secret_of_a_browser_is_refused(house: House) -> None:
    server = await started(house)
    told = PushingBrowser(DEAD, "one").told()
    told["keys"]["auth"] = "AAAA"
    async with page(house, server) as ours:
        status, _ = await ours.ask("POST", SUBSCRIPTION, told)
    assert status == 400


async def test_asking_without_end_is_slowed_down(house: House) -> None:
    server = await started(house)
    async with page(house, server) as ours:
        told = {"text_messages": True}
        answers = [
            (await ours.ask("PUT", "/notifier/api/visit/consent", told))[0]
            for _ in range(32)
        ]
    assert answers[-1] == 429


@pytest.mark.parametrize("audience", ["visit", "staff", None])
async def test_a_browser_with_both_sessions_says_which_page_it_is(
    house: House, audience: str | None
) -> None:
    server = await started(house)
    told = {**PushingBrowser(DEAD, "one").told(), "audience": audience}
    both = house.headers(VISIT)["Cookie"] + "; " + house.headers(STAFF)["Cookie"]
    async with page(house, server) as ours:
        ours.headers["Cookie"] = both
        assert (await ours.ask("POST", SUBSCRIPTION, told))[0] == 204
    assert await _subscribed(house) == (audience != "staff")


async def test_without_a_session_nobody_subscribes(house: House) -> None:
    server = await started(house)
    told = PushingBrowser(DEAD, "one").told()
    async with page(house, server) as ours:
        ours.headers.pop("Cookie")
        status, refused = await ours.ask("POST", SUBSCRIPTION, told)
        assert (status, refused["code"]) == (401, "no_session")
    async with page(house, server, STAFF) as ours:
        status, _ = await ours.ask("POST", SUBSCRIPTION, {**told, "audience": "visit"})
        assert status == 401
