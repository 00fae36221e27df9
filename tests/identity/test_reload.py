"""The same way back twice: a reload before the answer, and whoever only pretends to it."""

import asyncio

from dev.idp.visitor import choose
from services.identity.domain import RELOAD_WITHIN
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.test_login import ATTEMPT, VISIT, audited, invited, session
from tests.identity.test_staff import STAFF
from tests.identity.test_staff import session as staff_session

EXPIRED = "/sorry/identification_expired"


async def twice(browser: Browser, back: str) -> tuple[Browser, list[str]]:
    """The page is reloaded while the first request is still being answered."""
    twin = browser.twin()
    return twin, await asyncio.gather(browser.lands(back), twin.lands(back))


async def on_the_way(town: Town, link: str, who: str = "sv") -> tuple[Browser, str]:
    browser = town.browser()
    return browser, await choose(await browser.login(link), who)


async def test_a_reload_before_the_answer_ends_in_the_same_visit(town: Town) -> None:
    appointment_id, link = await invited(town)
    browser, back = await on_the_way(town, link)
    twin, pages = await twice(browser, back)
    assert pages == ["/visit", "/visit"]
    one, other = await session(town, browser), await session(town, twin)
    assert one.sid == other.sid
    assert [line["what"] for line in await audited(town, appointment_id)] == [
        "identified"
    ]


async def test_who_never_heard_the_answer_hears_it_by_a_reload(town: Town) -> None:
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    await browser.twin().lands(back)
    town.clock.at += RELOAD_WITHIN
    assert await browser.lands(back) == "/visit"
    assert VISIT in browser.cookies


async def test_a_minute_later_it_is_no_reload(town: Town) -> None:
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    await browser.twin().lands(back)
    town.clock.forward(seconds=RELOAD_WITHIN.total_seconds() + 1)
    assert await browser.lands(back) == EXPIRED
    assert VISIT not in browser.cookies


async def test_who_was_refused_is_refused_again_with_the_same_words(town: Town) -> None:
    appointment_id, link = await invited(town)
    _, pages = await twice(*await on_the_way(town, link, "stranger"))
    assert pages == ["/sorry/wrong_person", "/sorry/wrong_person"]
    assert len(await audited(town, appointment_id)) == 1


async def test_a_guardian_is_asked_once_and_can_answer_after_a_reload(
    town: Town,
) -> None:
    _, link = await invited(town, "child-8", "guardian")
    browser, back = await on_the_way(town, link, "guardian")
    twin, pages = await twice(browser, back)
    assert pages == ["/acting", "/acting"]
    assert twin.cookies == browser.cookies
    assert (await twin.acts()).status == 204
    assert await browser.lands(back) == EXPIRED  # it has been answered by now


async def test_a_professional_may_reload_too(town: Town) -> None:
    browser = town.browser()
    back = await choose(await browser.staff_login(), "professional")
    twin, pages = await twice(browser, back)
    assert pages == ["/staff", "/staff"]
    one, other = await staff_session(town, browser), await staff_session(town, twin)
    assert one.sid == other.sid
    assert STAFF in twin.cookies


async def test_another_browser_hears_nothing(town: Town) -> None:
    """Nor with a cookie of its own, for the same link."""
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    thief, other = town.browser(), town.browser()
    await thief.login(link)
    pages = await asyncio.gather(*(each.lands(back) for each in (thief, other)))
    assert pages == [EXPIRED, EXPIRED]
    assert await browser.lands(back) == "/visit"
    assert [await each.lands(back) for each in (thief, other)] == [EXPIRED, EXPIRED]
    assert not {VISIT} & {*thief.cookies, *other.cookies}


async def test_another_code_for_the_same_attempt_is_no_reload(town: Town) -> None:
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    twin = browser.twin()
    assert await browser.lands(back) == "/visit"
    assert await twin.lands(back.replace("code=", "code=x")) == EXPIRED


async def test_a_reload_brings_no_session_back_that_has_ended(town: Town) -> None:
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    await browser.lands(back)
    await browser.post("/identity/logout")
    assert await browser.lands(back) == EXPIRED
    assert VISIT not in browser.cookies


async def test_what_is_kept_for_a_reload_is_sealed_and_soon_forgotten(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    await browser.lands(back)
    token = browser.cookies[VISIT]
    kept = await town.rows("SELECT sealed FROM echo")
    assert kept
    for secret in (token, token.split(".")[1], browser.cookies[ATTEMPT]):
        assert not [row for row in kept if secret.encode() in row["sealed"]]
    town.clock.forward(minutes=2)
    _, link = await invited(town)
    browser, back = await on_the_way(town, link)
    await browser.lands(back)
    assert len(await town.rows("SELECT sealed FROM echo")) == 1
