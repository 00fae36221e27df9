"""What answers in the server's stead, a sign that stays, a session that nobody answers for."""

import asyncio
from datetime import timedelta

import pytest
from playwright.async_api import Page, Route, expect

from tests.frontend.stage import Stage
from tests.frontend.test_in_a_browser import (
    door,
    in_line,
    logging_out,
    press,
    shut_door,
    view,
)


async def test_who_sees_the_call_or_is_sent_back_from_it_is_not_shown_as_called(
    stage: Stage, page: Page
) -> None:
    """The sign in the title is for somebody who looks at another tab."""
    await in_line(stage, page, "en")
    stage.lobby.move("admitted")
    await view(page, "call")
    await expect(page.locator("#announce-now")).not_to_be_empty()
    assert not (await page.title()).startswith("● ")
    stage.lobby.move("waiting", "technical")
    await view(page, "wait")
    assert not (await page.title()).startswith("● ")


@pytest.mark.parametrize("status", [502, 511])
async def test_a_no_that_is_not_the_servers_is_asked_for_again(
    stage: Stage, page: Page, status: int
) -> None:
    answers = iter(["null"])

    async def stands_between(route: Route) -> None:
        answer = next(answers, None)
        if answer is None:
            await route.continue_()
        else:
            await route.fulfill(
                status=status, body=answer, content_type="application/json"
            )

    await page.route("**/identity/session", stands_between)
    stage.lobby.ends_in = timedelta(minutes=4)
    await page.clock.install()
    await page.goto(f"{stage.url}/visit?lang=en")
    await view(page, "check")
    async with page.expect_response("**/identity/session"):
        await page.clock.run_for(11_000)
    await expect(page.locator("dialog#session")).to_be_visible()


async def test_a_login_that_a_network_wants_is_no_end_of_the_session(
    stage: Stage, page: Page
) -> None:
    """Ours is told with its code."""
    await door(stage, page, "en")
    asked = asyncio.Event()

    async def stands_between(route: Route) -> None:
        asked.set()
        await route.fulfill(
            status=401, body="<h1>Log in</h1>", content_type="text/html"
        )

    await page.route("**/lobby/api/visit", stands_between)
    await page.route("**/identity/session", stands_between)
    async with asyncio.timeout(20):
        await asked.wait()
    await page.wait_for_timeout(500)
    assert page.url.startswith(f"{stage.url}/visit")


async def test_nobody_is_logged_out_while_identity_does_not_answer(
    stage: Stage, page: Page
) -> None:
    """docs/identity.md. The token has lapsed, as after sleep, and identity restarts."""
    await in_line(stage, page, "en")
    stage.lobby.refusals["session"] = {"status": 503, "code": "unavailable"}
    stage.lobby.refusals["visit"] = {"status": 401, "code": "no_session"}
    async with page.expect_response("**/identity/session"):
        pass
    await page.wait_for_timeout(500)
    assert page.url.startswith(f"{stage.url}/visit")


async def test_a_professional_is_not_logged_out_while_identity_does_not_answer(
    stage: Stage, page: Page
) -> None:
    await page.goto(f"{stage.url}/staff?lang=en")
    await view(page, "queue")
    stage.lobby.refusals["session"] = {"status": 503, "code": "unavailable"}
    stage.lobby.refusals["queue"] = {"status": 401, "code": "no_session"}
    async with page.expect_response("**/identity/staff/session"):
        pass
    await page.wait_for_timeout(500)
    await expect(page.locator('[data-view="login"]')).to_be_hidden()


async def test_an_answer_about_the_visit_that_is_not_the_servers_sets_no_clock(
    stage: Stage, page: Page
) -> None:
    """Else the door that is to open counts as shut for a minute."""
    await shut_door(stage, page, "en")
    section = page.locator('[data-view="wait"]')
    await expect(section).to_have_attribute("data-standing", "before")
    answers = iter(["{}"])

    async def stands_between(route: Route) -> None:
        answer = next(answers, None)
        if answer is None:
            await asyncio.sleep(0.4)  # the way to the server is longer
            await route.continue_()
        else:
            await route.fulfill(body=answer, content_type="application/json")

    await page.route("**/lobby/api/visit", stands_between)
    await page.wait_for_timeout(4000)
    await expect(section).to_have_attribute("data-standing", "before")


async def test_a_logout_that_did_not_arrive_is_still_said_when_the_lobby_answers(
    stage: Stage, page: Page
) -> None:
    """Identity is away and the lobby is not: whoever goes away from a shared device must know."""
    await logging_out(stage, page, "en")
    stage.lobby.refusals["logout"] = {"status": 503, "code": "unavailable"}
    async with page.expect_response("**/identity/logout"):
        await press(page, "log-out-here")
    await page.wait_for_timeout(500)
    await expect(page.locator('#notes [data-problem="unavailable"]')).to_be_visible(
        timeout=500
    )


async def test_a_queue_that_is_not_the_servers_confirms_nothing(
    stage: Stage, page: Page
) -> None:
    await page.clock.install()
    await page.goto(f"{stage.url}/staff?lang=en")
    await view(page, "queue")

    async def stands_between(route: Route) -> None:
        await route.fulfill(body="{}", content_type="application/json")

    await page.route("**/lobby/api/queue", stands_between)
    await page.clock.run_for(60_000)
    line = page.locator('[data-view="queue"] [data-part="confirmed"]')
    await expect(line).to_contain_text("We are trying again", timeout=3000)
