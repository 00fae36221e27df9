"""A session goes on while its page lives, and ends when it should."""

from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_urlsafe

import pytest
from pydantic import SecretStr

from chassis.sessions import KeySet, SigningKey, VisitSession
from dev.idp.visitor import choose
from services.identity.session import EXTENSIONS_MOST
from tests.identity.browser import Answer, Browser
from tests.identity.conftest import Town
from tests.identity.people import HALF_HOUR, TEN, moved
from tests.identity.test_login import VISIT, audited, invited, session
from tests.identity.test_sessions import entered, sessions_of
from tests.identity.test_staff import STAFF
from tests.identity.test_staff import session as staff_session
from tests.keys import Published, signing_key

ENDS = TEN + HALF_HOUR * 3  # an hour after the appointment
WARNS = ENDS - timedelta(minutes=5)


async def renewed(browser: Browser, *, stay: bool = False, who: str = "") -> Answer:
    return await browser.post(f"/identity{who}/session", {"stay": stay})


def ends(answer: Answer) -> datetime:
    assert answer.status == 200, answer.said
    return datetime.fromisoformat(answer.said["ends_at"])


async def clerk(town: Town) -> Browser:
    """A professional who is in."""
    browser = town.browser()
    await browser.lands(await choose(await browser.staff_login(), "professional"))
    return browser


async def test_a_token_is_short_and_the_session_goes_on(town: Town) -> None:
    _, link = await invited(town)
    browser = await entered(town, link)
    before = await session(town, browser)
    town.clock.forward(minutes=9)
    answer = await renewed(browser)
    after = await session(town, browser)
    assert after.exp == town.clock.at + timedelta(minutes=10)
    assert after.model_copy(update={"exp": before.exp}) == before
    assert answer.said == {
        "server_time": "2026-11-23T08:09:00.000+00:00",
        "renew_at": "2026-11-23T08:14:00.000+00:00",
        "warn_at": "2026-11-23T09:25:00.000+00:00",
        "ends_at": "2026-11-23T09:30:00.000+00:00",
        "may_stay": True,
    }
    assert answer.cookies[VISIT]["max-age"] == str(81 * 60)


async def test_a_page_that_slept_gets_a_new_token_for_its_lapsed_one(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser = await entered(town, link)
    town.clock.forward(minutes=70)
    assert ends(await renewed(browser)) == ENDS
    assert (await session(town, browser)).exp == town.clock.at + timedelta(minutes=10)


async def test_no_token_outlives_its_session(town: Town) -> None:
    _, link = await invited(town)
    browser = await entered(town, link)
    town.clock.at = ENDS - timedelta(minutes=2)
    await renewed(browser)
    assert (await session(town, browser)).exp == ENDS
    town.clock.at = ENDS
    assert (await renewed(browser)).status == 401


@pytest.mark.parametrize("everywhere", [True, False])
async def test_a_session_that_was_ended_is_not_renewed(
    town: Town, *, everywhere: bool
) -> None:
    _, link = await invited(town)
    here, there = await entered(town, link), await entered(town, link)
    token = here.cookies[VISIT]
    await here.post("/identity/logout", {"everywhere": everywhere})
    here.cookies[VISIT] = token
    refused = await renewed(here)
    assert (refused.status, refused.said["code"]) == (401, "no_session")
    assert (await renewed(there)).status == (401 if everywhere else 200)


async def test_an_appointment_that_is_moved_takes_the_session_along(
    town: Town,
) -> None:
    appointment_id, link = await invited(town)
    browser = await entered(town, link)
    await town.hear(moved(appointment_id, 1, TEN + HALF_HOUR * 2))
    assert ends(await renewed(browser)) == ENDS + HALF_HOUR * 2
    await town.hear(moved(appointment_id, 2, TEN - HALF_HOUR * 8))
    soon = town.clock.at + timedelta(minutes=5)
    assert ends(await renewed(browser)) == soon
    town.clock.forward(minutes=3)
    assert ends(await renewed(browser)) == soon


async def test_a_tap_on_the_warning_makes_it_longer_once_for_all_tabs(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser = await entered(town, link)
    assert ends(await renewed(browser, stay=True)) == ENDS  # nobody has been warned
    town.clock.at = WARNS
    assert ends(await renewed(browser, stay=True)) == ENDS + HALF_HOUR
    assert ends(await renewed(browser, stay=True)) == ENDS + HALF_HOUR
    assert ends(await renewed(browser)) == ENDS + HALF_HOUR


async def test_it_can_be_made_longer_ten_times(town: Town) -> None:
    _, link = await invited(town)
    browser = await entered(town, link)
    for times in range(1, EXTENSIONS_MOST + 1):
        town.clock.at = WARNS + HALF_HOUR * (times - 1)
        answer = await renewed(browser, stay=True)
        assert ends(answer) == ENDS + HALF_HOUR * times
        assert answer.said["may_stay"] == (times < EXTENSIONS_MOST)
    town.clock.forward(minutes=29)
    last = ENDS + HALF_HOUR * EXTENSIONS_MOST
    assert ends(await renewed(browser, stay=True)) == last


async def test_a_professional_who_does_nothing_is_logged_out(town: Town) -> None:
    browser = await clerk(town)
    assert ends(await renewed(browser, who="/staff")) == TEN + timedelta(hours=1)
    town.clock.forward(minutes=50)
    still = await renewed(browser, who="/staff", stay=True)
    assert ends(still) == TEN + timedelta(minutes=110)
    town.clock.forward(minutes=60)
    assert (await renewed(browser, who="/staff", stay=True)).status == 401


async def test_a_professional_logs_in_anew_after_twelve_hours(town: Town) -> None:
    browser, whole = await clerk(town), TEN + timedelta(hours=12)
    while town.clock.at < whole - timedelta(minutes=40):
        town.clock.forward(minutes=40)
        answer = await renewed(browser, who="/staff", stay=True)
    assert (ends(answer), answer.said["may_stay"]) == (whole, False)
    assert (await staff_session(town, browser)).exp <= whole
    town.clock.at = whole
    assert (await renewed(browser, who="/staff", stay=True)).status == 401


async def test_the_two_kinds_of_session_do_not_stand_in_for_each_other(
    town: Town,
) -> None:
    browser = await clerk(town)
    assert (await renewed(browser)).status == 401
    browser.cookies[VISIT] = browser.cookies[STAFF]
    assert (await renewed(browser)).status == 401
    foreign = await browser.post("/identity/session", {}, Origin="https://evil.example")
    assert (foreign.status, foreign.said["code"]) == (403, "wrong_origin")


async def again(browser: Browser, link: str) -> Answer:
    return await browser.post("/identity/session/entry", {"link": link})


async def test_a_link_opened_again_goes_straight_on_and_that_is_noted(
    town: Town,
) -> None:
    appointment_id, link = await invited(town)
    browser = await entered(town, link)
    town.clock.forward(minutes=40)
    assert ends(await again(browser, link)) == ENDS
    assert (await session(town, browser)).appointment == appointment_id
    assert [line["what"] for line in await audited(town, appointment_id)] == [
        "identified",
        "came_back",
    ]


async def test_a_link_of_another_appointment_needs_another_identification(
    town: Town,
) -> None:
    _, link = await invited(town)
    _, other = await invited(town)
    browser = await entered(town, link)
    for elsewhere in (other, token_urlsafe(16)):
        answer = await again(browser, elsewhere)
        assert (answer.status, answer.said["code"]) == (409, "another_appointment")
    assert (await again(town.browser(), link)).status == 401
    await browser.post("/identity/logout")
    assert (await again(browser, link)).status == 401


async def test_keys_are_changed_and_no_session_is_lost(town: Town) -> None:
    """A token by the old key is renewed by the new one, which is published already."""
    _, link = await invited(town)
    browser = await entered(town, link)
    old = SigningKey(
        SecretStr(town.around.secrets.session_key), town.around.url, town.clock
    )
    new = signing_key(town.clock, town.around.url)
    keys = KeySet(Published(old, new), town.around.url, town.clock)
    token = await keys.recognise(browser.cookies[VISIT], VisitSession)
    sessions = replace(sessions_of(town), signing=new)
    renewed = await sessions.renew(token, stay=False)
    again = await keys.check(renewed.entrance.token, VisitSession)
    assert again.sid == token.sid
