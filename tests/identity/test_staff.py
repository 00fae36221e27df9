"""Professionals log in through the county's own provider."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.sessions import KeySet, StaffSession, fetching
from dev.idp.visitor import cancel, choose
from dev.persons import professional
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.people import TEN

STAFF, VISIT = "__Host-staff", "__Host-visit"


async def session(town: Town, browser: Browser) -> StaffSession:
    keys = KeySet(
        fetching(f"{town.around.url}/identity/jwks.json"), town.around.url, town.clock
    )
    return await keys.check(browser.cookies.get(STAFF), StaffSession)


async def last_audited(town: Town) -> tuple[Any, ...]:
    (row,) = await town.rows(
        "SELECT what, who, appointment_id, code FROM audit ORDER BY audit_id DESC LIMIT 1"
    )
    return tuple(row)


@pytest.mark.parametrize("key", ["professional", "colleague", "other-unit"])
async def test_a_professional_comes_in_with_their_own_units(
    town: Town, key: str
) -> None:
    who, browser = professional(key), town.browser()
    assert (
        await browser.lands(await choose(await browser.staff_login(), key)) == "/staff"
    )
    has = await session(town, browser)
    assert (has.sub, has.name, has.role) == (who.id, who.name, "professional")
    assert has.units == tuple(each.id for each in who.units)
    assert has.exp == TEN + timedelta(minutes=10)
    assert VISIT not in browser.cookies
    assert await last_audited(town) == ("logged_in", who.id, None, None)


@pytest.mark.parametrize("units", [None, [], "", [7], {"unit-1": True}])
async def test_an_account_without_units_is_not_let_in(
    town: Town, units: object
) -> None:
    town.spoil = {"units": units}
    browser = town.browser()
    back = await choose(await browser.staff_login(), "professional")
    assert await browser.lands(back) == "/sorry/staff_not_allowed"
    assert STAFF not in browser.cookies
    assert await last_audited(town) == ("refused", "p-1", None, "staff_not_allowed")


async def test_a_single_unit_may_come_as_a_text_of_its_own(town: Town) -> None:
    town.spoil = {"units": "unit-1"}
    browser = town.browser()
    await browser.lands(await choose(await browser.staff_login(), "professional"))
    assert (await session(town, browser)).units == ("unit-1",)


@pytest.mark.parametrize(
    "spoil", [{"sub": "p" * 65}, {"sub": "p 1\n"}, {"acr": "password"}, {"nonce": "x"}]
)
async def test_what_the_countys_provider_says_must_hold_too(
    town: Town, spoil: dict[str, Any]
) -> None:
    town.spoil = spoil
    browser = town.browser()
    back = await choose(await browser.staff_login(), "professional")
    assert await browser.lands(back) == "/sorry/identification_failed"


async def test_cancelling_leads_to_a_page_that_says_so(town: Town) -> None:
    browser = town.browser()
    back = await cancel(await browser.staff_login())
    assert await browser.lands(back) == "/sorry/identification_cancelled"


async def test_back_after_logging_in_goes_on_and_without_a_session_does_not(
    town: Town,
) -> None:
    browser = town.browser()
    back = await choose(await browser.staff_login(), "professional")
    assert [await browser.lands(back) for _ in range(2)] == ["/staff", "/staff"]
    assert (await browser.post("/identity/staff/logout")).status == 204
    assert STAFF not in browser.cookies
    assert await browser.lands(back) == "/sorry/identification_expired"


async def test_no_name_is_logged(town: Town) -> None:
    browser = town.browser()
    await browser.lands(await choose(await browser.staff_login(), "colleague"))
    assert "p-2" in town.logged
    assert professional("colleague").name not in town.logged
    assert browser.cookies[STAFF] not in town.logged
