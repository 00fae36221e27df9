"""The session as one meets it: a warning with one tap, a way out, a way back."""

from datetime import timedelta

import pytest
from playwright.async_api import Page, Route, expect

from tests.frontend.stage import Stage
from tests.frontend.test_in_a_browser import (
    door,
    handing_over,
    logging_out,
    press,
    view,
    warned,
)


async def test_a_tap_on_the_warning_is_enough(stage: Stage, page: Page) -> None:
    await warned(stage, page, "en")
    await expect(page.get_by_role("alertdialog")).to_have_accessible_name(
        "You will soon be logged out"
    )
    focused = page.locator(":focus")
    await expect(focused).to_have_attribute("data-action", "stay-on")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog#session")).to_be_hidden()
    assert stage.lobby.renewals[-1] is True


async def test_a_warning_that_was_closed_does_not_come_again(
    stage: Stage, page: Page
) -> None:
    await warned(stage, page, "en")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog#session")).to_be_hidden()
    assert stage.lobby.renewals == [False]


async def test_an_answer_that_is_not_the_servers_is_asked_for_again(
    stage: Stage, page: Page
) -> None:
    answers = iter(["{}", "null", '"welcome"'])

    async def stands_between(route: Route) -> None:
        answer = next(answers, None)
        if answer is None:
            await route.continue_()
        else:
            await route.fulfill(body=answer, content_type="application/json")

    await page.route("**/identity/session", stands_between)
    stage.lobby.ends_in = timedelta(minutes=4)
    await page.clock.install()
    await page.goto(f"{stage.url}/visit?lang=en")
    await view(page, "check")
    for _ in range(3):
        async with page.expect_response("**/identity/session"):
            await page.clock.run_for(11_000)
    await expect(page.locator("dialog#session")).to_be_visible()


async def test_what_cannot_be_made_longer_is_said_and_not_offered(
    stage: Stage, page: Page
) -> None:
    stage.lobby.may_stay = False
    await warned(stage, page, "en")
    await expect(page.locator('[data-action="stay-on"]')).to_be_hidden()
    await expect(page.locator("#session-text")).to_contain_text("is not cut")


async def test_a_session_that_is_over_leads_to_the_entry_and_no_further(
    stage: Stage, page: Page
) -> None:
    stage.lobby.came_in = True  # as if the entry thought there was a session
    await page.goto(f"{stage.url}/v/test-link?lang=sv")
    await page.wait_for_url("**/visit")
    stage.lobby.refusals["session"] = {"status": 401, "code": "no_session"}
    await page.reload()
    await page.wait_for_url("**/entry")
    await expect(page.locator('[data-action="identify"]')).to_be_visible()


async def test_who_is_in_already_goes_straight_on(stage: Stage, page: Page) -> None:
    stage.lobby.came_in = True
    await page.goto(f"{stage.url}/v/test-link?lang=sv")
    await page.wait_for_url("**/visit")
    await view(page, "check")


@pytest.mark.parametrize(
    ("choice", "everywhere"),
    [("log-out-here", False), ("log-out-everywhere", True)],
)
async def test_logging_out_forgets_the_link_too(
    stage: Stage, page: Page, choice: str, *, everywhere: bool
) -> None:
    await page.goto(f"{stage.url}/v/test-link?lang=sv")
    await logging_out(stage, page, "sv")
    await press(page, choice)
    await page.wait_for_url(f"{stage.url}/")
    assert stage.lobby.logged_out == {"everywhere": everywhere, "language": "sv"}
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_logout_that_does_not_arrive_is_not_called_one(
    stage: Stage, page: Page
) -> None:
    await logging_out(stage, page, "en")
    stage.lobby.refusals["logout"] = {"status": 503, "code": "unavailable"}
    await press(page, "log-out-here")
    await expect(page.locator('[data-problem="unavailable"]')).to_be_visible()
    assert page.url.startswith(f"{stage.url}/visit")


async def test_a_lapsed_token_is_renewed_and_nobody_notices(
    stage: Stage, page: Page
) -> None:
    await door(stage, page, "sv")
    seen = len(stage.lobby.renewals)
    stage.lobby.refusals["ask"] = {"status": 401, "code": "no_session"}

    async def renewed(route: object) -> None:
        stage.lobby.refusals.clear()
        await route.continue_()  # type: ignore[attr-defined]

    await page.route("**/identity/session", renewed)
    await press(page, "ask")
    await expect(page.locator('[data-part="place"]')).to_be_visible()
    assert len(stage.lobby.renewals) == seen + 1


async def test_a_professional_who_works_stays_in(stage: Stage, page: Page) -> None:
    stage.lobby.ends_in = timedelta(minutes=4)
    await page.goto(f"{stage.url}/staff?lang=sv")
    await view(page, "queue")
    await expect(page.locator("dialog#session")).to_be_hidden()
    assert stage.lobby.renewals[0] is True


async def test_the_code_is_out_of_the_address_before_anything_is_pressed(
    stage: Stage, page: Page
) -> None:
    await page.goto(f"{stage.url}/h/test-code?lang=sv")
    await expect(page.locator('[data-action="take-over"]')).to_be_visible()
    assert page.url == f"{stage.url}/h?lang=sv"
    await press(page, "take-over")
    await page.wait_for_url("**/visit")
    assert await page.evaluate("history.length") <= 2


@pytest.mark.parametrize("address", ["/h", "/h/another-code"])
async def test_a_code_that_is_over_leads_on(
    stage: Stage, page: Page, address: str
) -> None:
    await page.goto(f"{stage.url}{address}?lang=en")
    if address != "/h":
        await press(page, "take-over")
    note = page.locator('[data-problem="handover_over"]')
    await expect(note).to_contain_text("Show a new code on the other device")


async def test_the_first_device_hears_that_the_other_one_went_on(
    stage: Stage, page: Page
) -> None:
    await handing_over(stage, page, "en")
    stage.lobby.code_taken = True
    await expect(page.locator("#hand-over")).to_contain_text("You have gone on")
    await expect(page.locator("#hand-over img")).to_be_hidden()
    await press(page, "close-hand-over")
    await expect(page.locator("dialog#hand-over")).to_be_hidden()
