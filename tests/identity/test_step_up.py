"""A professional who logged in too weakly is sent back for more, once."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest_asyncio
from jose import jwt as jose_jwt

from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.idp.issuers import STAFF_LEVEL
from dev.idp.visitor import choose
from services.identity.domain import RELOAD_WITHIN
from tests.identity.browser import Browser
from tests.identity.conftest import Town, building
from tests.identity.test_staff import STAFF, last_audited, session

CARD, PASSWORD = STAFF_LEVEL, "https://idp.example/level/password"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> AsyncIterator[Town]:
    levels = {
        "STAFF_OIDC_ACR_VALUES": f"{PASSWORD} {CARD}",
        "STAFF_OIDC_STEP_UP_ACR": CARD,
    }
    async with building(database, kafka, **levels) as town:
        yield town


async def came_back(town: Town, location: str, level: str) -> str:
    town.spoil = {"acr": level}
    return await choose(location, "professional")


def asked(location: str) -> dict[str, Any]:
    (request,) = parse_qs(urlsplit(location).query)["request"]
    return jose_jwt.get_unverified_claims(request)


async def sent_again(town: Town, browser: Browser) -> str:
    """Where someone is sent who came back with a password."""
    back = await came_back(town, await browser.staff_login(), PASSWORD)
    return await browser.lands(back)


async def test_who_is_strong_enough_comes_in_at_once(town: Town) -> None:
    browser = town.browser()
    back = await came_back(town, await browser.staff_login(), CARD)
    assert await browser.lands(back) == "/staff"


async def test_who_is_not_is_asked_for_the_level_and_then_comes_in(town: Town) -> None:
    browser = town.browser()
    browser.cookies["language"] = "sv"
    again = await sent_again(town, browser)
    assert STAFF not in browser.cookies
    wish = asked(again)
    assert (wish["acr_values"], wish["prompt"]) == (CARD, "login")
    assert wish["claims"]["id_token"]["acr"] == {"essential": True, "values": [CARD]}
    assert wish["ui_locales"] == "sv"
    assert await browser.lands(await came_back(town, again, CARD)) == "/staff"
    assert (await session(town, browser)).sub == "p-1"


async def test_who_comes_back_as_weak_as_before_is_refused_and_not_sent_again(
    town: Town,
) -> None:
    browser = town.browser()
    again = await sent_again(town, browser)
    back = await came_back(town, again, PASSWORD)
    assert await browser.lands(back) == "/sorry/identification_failed"
    assert STAFF not in browser.cookies
    assert (await last_audited(town))[3] == "identification_failed"


async def test_the_second_way_back_is_for_one_browser_and_one_time(town: Town) -> None:
    browser, thief = town.browser(), town.browser()
    back = await came_back(town, await sent_again(town, browser), CARD)
    await thief.staff_login()
    assert await thief.lands(back) == "/sorry/identification_expired"
    assert await browser.lands(back) == "/staff"
    del browser.cookies[STAFF]
    town.clock.forward(seconds=RELOAD_WITHIN.total_seconds() + 1)
    assert await browser.lands(back) == "/sorry/identification_expired"
