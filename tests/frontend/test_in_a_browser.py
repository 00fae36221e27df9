"""How the pages look and speak: to eyes, to a screen reader, to a keyboard, in each language."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.frontend.conftest import NARROW
from tests.frontend.stage import PASSED, Stage

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
Scene = Callable[[Stage, Page, str], Awaitable[None]]

every_language = pytest.mark.parametrize("language", ["sv", "fi", "en"])


async def press(page: Page, action: str) -> None:
    await page.locator(f'[data-action="{action}"]:visible').first.click()


async def view(page: Page, name: str) -> None:
    await expect(page.locator(f'[data-view="{name}"]')).to_be_visible()


def at(path: str) -> Scene:
    async def scene(stage: Stage, page: Page, language: str) -> None:
        await page.goto(f"{stage.url}{path}?lang={language}")

    return scene


async def chosen_unit(stage: Stage, page: Page, language: str) -> None:
    await page.goto(f"{stage.url}/?lang={language}")
    await page.locator(".choices a").first.click()
    await page.locator(".choices a").first.click()
    await expect(page.locator('[data-part="unit"]')).to_be_visible()


async def entry(stage: Stage, page: Page, language: str) -> None:
    await page.goto(f"{stage.url}/v/test-link?lang={language}")
    await expect(page.locator('[data-action="identify"]')).to_be_visible()


async def unknown_link(stage: Stage, page: Page, language: str) -> None:
    stage.lobby.refusals["login"] = {"status": 404, "code": "link_unknown"}
    await entry(stage, page, language)
    await press(page, "identify")
    await expect(page.locator('[data-problem="link_unknown"]')).to_be_visible()


async def check(stage: Stage, page: Page, language: str) -> None:
    await page.goto(f"{stage.url}/visit?lang={language}")
    await view(page, "check")


async def checked(stage: Stage, page: Page, language: str) -> None:
    await check(stage, page, language)
    await press(page, "test-camera")
    for test in ("camera", "microphone", "network"):
        passed = page.locator(f'[data-test="{test}"][data-result="pass"]')
        await expect(passed).to_be_visible()


async def door(stage: Stage, page: Page, language: str) -> None:
    await check(stage, page, language)
    await press(page, "skip")
    await view(page, "wait")


async def shut_door(stage: Stage, page: Page, language: str) -> None:
    stage.lobby.opens_in = timedelta(minutes=4)
    await door(stage, page, language)


async def in_line(stage: Stage, page: Page, language: str) -> None:
    await door(stage, page, language)
    await press(page, "ask")
    await expect(page.locator('[data-part="place"]')).to_be_visible()


async def written_to(stage: Stage, page: Page, language: str) -> None:
    await in_line(stage, page, language)
    stage.lobby.late(10)
    stage.lobby.write(code="soon")
    stage.lobby.write(text="Test: please wait a little longer.")
    await expect(page.locator('[data-message="m-2"]')).to_be_visible()
    await expect(page.locator('[data-part="delay"]')).to_be_visible()


async def putting_away(stage: Stage, page: Page, language: str) -> None:
    await in_line(stage, page, language)
    await press(page, "put-away")
    await expect(page.locator("#away-texts")).to_be_visible()


async def away(stage: Stage, page: Page, language: str) -> None:
    await putting_away(stage, page, language)
    await press(page, "confirm-away")
    await expect(page.locator('[data-part="away"]')).to_be_visible()


async def summoned(stage: Stage, page: Page, language: str) -> None:
    await away(stage, page, language)
    stage.lobby.summon(timedelta(minutes=3))
    await expect(page.locator('[data-part="summons"]')).to_be_visible()


def standing(state: str, status: str = "booked", reason: str | None = None) -> Scene:
    async def scene(stage: Stage, page: Page, language: str) -> None:
        stage.lobby.move(state, reason)
        stage.lobby.status = status
        await page.goto(f"{stage.url}/visit?lang={language}")
        await expect(page.locator('[data-view="opening"]')).to_be_hidden()

    return scene


async def unsupported(stage: Stage, page: Page, language: str) -> None:
    await page.add_init_script("delete window.RTCPeerConnection")
    await page.goto(f"{stage.url}/visit?lang={language}")
    await expect(page.locator('[data-problem="unsupported"]')).to_be_visible()


async def log_in(stage: Stage, page: Page, language: str) -> None:
    stage.lobby.refusals["queue"] = {"status": 401, "code": "no_session"}
    await page.goto(f"{stage.url}/staff?lang={language}")
    await view(page, "login")


async def at_the_door(stage: Stage, page: Page, language: str) -> None:
    stage.lobby.move("waiting")
    stage.lobby.checks = {**PASSED, "network": "fail"}
    await page.goto(f"{stage.url}/staff?lang={language}")
    await page.locator('[data-person="person-1"]').click()
    await view(page, "detail")


async def put_away_at_the_door(stage: Stage, page: Page, language: str) -> None:
    stage.lobby.away_since = stage.lobby.now()
    stage.lobby.late(10, inferred=True)
    stage.lobby.write(code="soon")
    stage.lobby.letter("invitation", "failed", "mailbox_full")
    stage.lobby.ring("push")
    await at_the_door(stage, page, language)
    await page.locator('[data-part="invited"] summary').click()
    await expect(page.locator('[data-recipient="patient"] li')).to_have_count(1)
    await expect(page.locator('[data-action="acknowledge"]')).to_be_visible()


async def correcting(stage: Stage, page: Page, language: str) -> None:
    await put_away_at_the_door(stage, page, language)
    await press(page, "address")
    await expect(page.locator("dialog#address")).to_be_visible()


async def warned(stage: Stage, page: Page, language: str) -> None:
    stage.lobby.ends_in = timedelta(minutes=4)
    await page.goto(f"{stage.url}/visit?lang={language}")
    await expect(page.locator("dialog#session")).to_be_visible()


async def logging_out(stage: Stage, page: Page, language: str) -> None:
    await door(stage, page, language)
    await press(page, "log-out")
    await expect(page.locator("dialog#log-out")).to_be_visible()


async def handing_over(stage: Stage, page: Page, language: str) -> None:
    await door(stage, page, language)
    await press(page, "hand-over")
    await expect(page.locator("#hand-over img")).to_be_visible()


def dialog(name: str) -> Scene:
    async def scene(stage: Stage, page: Page, language: str) -> None:
        await at_the_door(stage, page, language)
        await press(page, name)
        await expect(page.locator(f"dialog#{name}")).to_be_visible()

    return scene


SCENES: dict[str, Scene] = {
    "start": at("/"),
    "start, chosen": chosen_unit,
    "entry": entry,
    "entry, unknown link": unknown_link,
    "acting": at("/acting"),
    "check": check,
    "check, passed": checked,
    "wait, before": shut_door,
    "wait, open": door,
    "wait, in line": in_line,
    "wait, written to": written_to,
    "wait, putting away": putting_away,
    "wait, away": away,
    "wait, summoned": summoned,
    "wait, refused": standing("refused", reason="not_ready"),
    "wait, cancelled": standing("identified", status="cancelled"),
    "session, warned": warned,
    "handing over": handing_over,
    "taking over": at("/h/test-code"),
    "session, logging out": logging_out,
    "closed": standing("left", status="ended"),
    "unsupported": unsupported,
    "staff, log-in": log_in,
    "staff, detail": at_the_door,
    "staff, away": put_away_at_the_door,
    "staff, address": correcting,
    "staff, admit": dialog("admit"),
    "staff, refuse": dialog("refuse"),
    "sorry": at("/sorry/child_needs_own_credentials"),
    "privacy": at("/privacy"),
    "accessibility": at("/accessibility"),
}


@pytest.mark.usefixtures("packages")
@every_language
@pytest.mark.parametrize("scene", SCENES)
async def test_a_page_is_open_to_everybody_also_on_a_narrow_phone(
    stage: Stage, page: Page, scene: str, language: str
) -> None:
    await SCENES[scene](stage, page, language)
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    assert [each["id"] for each in found["violations"]] == []


async def test_the_link_leaves_the_address_and_a_reload_still_knows_it(
    stage: Stage, page: Page
) -> None:
    await entry(stage, page, "sv")
    assert page.url == f"{stage.url}/entry?lang=sv"
    await page.reload()
    await press(page, "identify")
    await page.wait_for_url("**/visit")


@pytest.mark.parametrize(
    ("path", "action", "asks"),
    [
        ("/v/test-link", "identify", "**/identity/login"),
        ("/acting", "act", "**/identity/act"),
        ("/acting", "act-not", "**/identity/act/no"),
        ("/h/test-code", "take-over", "**/identity/handover/taken"),
    ],
)
async def test_a_button_that_can_be_seen_can_be_pressed(
    stage: Stage, page: Page, path: str, action: str, asks: str
) -> None:
    """However long the page's words take."""
    words = asyncio.Event()

    async def later(route: Route) -> None:
        await words.wait()
        await route.continue_()

    await page.route("**/locales/*.json", later)
    async with page.expect_request("**/locales/*.json"):
        await page.goto(f"{stage.url}{path}?lang=sv")
    await press(page, action)
    await expect(page.locator(f'[data-action="{action}"]')).to_have_attribute(
        "aria-disabled", "true"
    )
    async with page.expect_request(asks):
        words.set()


async def test_a_link_that_is_quicker_than_the_word_of_it_is_tried_again(
    stage: Stage, page: Page
) -> None:
    stage.lobby.refusals["login"] = {"status": 404, "code": "link_unknown"}
    await page.goto(f"{stage.url}/v/test-link?lang=sv")
    async with page.expect_response("**/identity/login"):
        await press(page, "identify")
    await expect(page.locator('[data-action="identify"]')).to_have_attribute(
        "aria-disabled", "true"
    )
    del stage.lobby.refusals["login"]
    await page.wait_for_url("**/visit")


async def test_the_button_turns_green_by_the_servers_clock_and_is_said_aloud(
    stage: Stage, page: Page
) -> None:
    """The browser's clock is three hours behind, and the page is not reloaded."""
    stage.lobby.opens_in = timedelta(seconds=6)
    await door(stage, page, "fi")
    await page.evaluate("window.same = true")
    button = page.locator('[data-action="ask"]')
    await expect(button).to_have_attribute("aria-disabled", "true")
    await expect(button).to_have_attribute("aria-disabled", "false")
    await expect(page.locator("#announce-now")).to_have_text(
        "Nyt voit pyytää päästä sisään."
    )
    assert await page.evaluate("window.same")


async def test_a_place_that_is_not_confirmed_is_not_called_confirmed(
    stage: Stage, page: Page
) -> None:
    await page.clock.install()
    await in_line(stage, page, "en")
    note = page.locator('[data-part="confirmed"]')
    await expect(note).to_contain_text("Your place is kept")
    stage.lobby.reached = False
    await page.clock.run_for(25_000)
    await expect(note).to_contain_text("We cannot reach the reception just now")
    await expect(page.locator("#announce")).to_have_text(
        "We cannot reach the reception just now"
    )
    stage.lobby.reached = True
    await expect(note).to_contain_text("Your place is kept")


async def test_who_is_refused_reads_why_and_may_ask_again(
    stage: Stage, page: Page
) -> None:
    await in_line(stage, page, "sv")
    stage.lobby.move("refused", "technical")
    note = page.locator('[data-view="wait"] [data-part="note"]')
    await expect(note).to_contain_text("Tekniken krånglar")
    await press(page, "ask")
    await expect(page.locator('[data-part="place"]')).to_be_visible()


async def test_who_waits_sees_the_cancellation(stage: Stage, page: Page) -> None:
    await in_line(stage, page, "fi")
    stage.lobby.status = "cancelled"
    problem = page.locator('[data-problem="appointment_cancelled"]')
    await expect(problem).to_be_visible()
    await expect(page.locator("#announce-now")).to_contain_text("Aika on peruttu")


async def test_a_booking_that_is_on_its_way_is_waited_for(
    stage: Stage, page: Page
) -> None:
    stage.lobby.known = False
    await page.goto(f"{stage.url}/visit?lang=en")
    await expect(page.locator('[data-view="opening"]')).to_contain_text("asks again")
    stage.lobby.known = True
    await expect(page.locator('[data-view="check"]')).to_be_visible()


async def test_who_has_no_session_is_told_to_identify_again(
    stage: Stage, page: Page
) -> None:
    stage.lobby.refusals["visit"] = {"status": 401, "code": "no_session"}
    await page.goto(f"{stage.url}/visit")
    await page.wait_for_url("**/sorry/identification_expired")
    await page.evaluate("sessionStorage.setItem('link', 'test-link')")
    await page.goto(f"{stage.url}/visit")
    await page.wait_for_url("**/entry")


async def test_after_the_wrong_person_a_logout_is_promised_where_there_is_one(
    stage: Stage, page: Page
) -> None:
    stage.lobby.way_out = "/privacy"
    await entry(stage, page, "en")
    await page.goto(f"{stage.url}/sorry/wrong_person?lang=en")
    await expect(page.locator('[data-part="stays-known"]')).to_be_hidden()
    await press(page, "log-out-there")
    await page.wait_for_url("**/privacy")
    assert stage.lobby.logged_out == {"language": "en", "then": "again"}


@every_language
async def test_without_a_logout_at_the_provider_none_is_promised(
    stage: Stage, page: Page, language: str
) -> None:
    await entry(stage, page, language)
    await page.goto(f"{stage.url}/sorry/wrong_person?lang={language}")
    await expect(page.locator('[data-part="stays-known"]')).to_be_visible()
    await expect(page.locator('[data-action="log-out-there"]')).to_be_hidden()
    await expect(page.locator('[data-action="try-again"]')).to_be_visible()


async def test_a_logout_that_has_gone_meanwhile_is_told_of_and_is_no_second_try(
    stage: Stage, page: Page
) -> None:
    stage.lobby.way_out = "/privacy"
    await entry(stage, page, "sv")
    await page.goto(f"{stage.url}/sorry/wrong_person?lang=sv")
    await expect(page.locator('[data-action="log-out-there"]')).to_be_visible()
    stage.lobby.way_out = None
    await press(page, "log-out-there")
    await expect(page.locator('[data-part="stays-known"]')).to_be_visible()
    await expect(page).to_have_url(f"{stage.url}/sorry/wrong_person?lang=sv")


async def test_a_refused_camera_is_explained_and_does_not_stop_the_visit(
    stage: Stage, page: Page
) -> None:
    await page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    await check(stage, page, "en")
    await press(page, "test-camera")
    remedy = page.locator('[data-test="camera"] [data-problem="denied"]')
    await expect(remedy).to_contain_text("choose Allow")
    await press(page, "continue")
    await view(page, "wait")
    await expect(page.locator('[data-fact="devices"]')).to_have_text(
        "Something does not work."
    )


async def test_the_keyboard_alone_leads_into_the_line(stage: Stage, page: Page) -> None:
    async def go_to(action: str) -> None:
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.dataset.action") == action:
                return
        pytest.fail(f"The keyboard does not reach {action}.")

    await check(stage, page, "sv")
    await go_to("skip")
    await page.keyboard.press("Enter")
    await view(page, "wait")
    assert await page.evaluate("document.activeElement.id") == "wait-title"
    await go_to("ask")
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-part="place"]')).to_be_visible()


async def test_the_one_who_was_second_reads_who_was_first(
    stage: Stage, page: Page
) -> None:
    stage.lobby.refusals["admission"] = {
        "status": 412,
        "code": "someone_was_first",
        "by": "Testi-Olli Toinen",
    }
    await dialog("admit")(stage, page, "fi")
    await press(page, "confirm-admit")
    first = page.locator('[data-problem="someone_was_first"]')
    await expect(first).to_contain_text("Testi-Olli Toinen ehti ensin.")


async def test_an_arrival_is_said_aloud_and_stands_in_the_title(
    stage: Stage, page: Page
) -> None:
    await page.goto(f"{stage.url}/staff?lang=en")
    await expect(page.locator('[data-state="identified"]')).to_be_visible()
    stage.lobby.move("waiting")
    await expect(page.locator("#announce")).to_have_text(
        "Testi-Maija Testinen is waiting to be let in."
    )
    assert (await page.title()).startswith("(1) ")
