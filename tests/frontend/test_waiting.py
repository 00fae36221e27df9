"""Waiting well: what a page says of a delay, of messages, and to someone who put the phone away."""

import asyncio
import json
from datetime import timedelta
from typing import Any

from playwright.async_api import Page, expect

from tests.frontend.conftest import PATIENCE
from tests.frontend.stage import Stage
from tests.frontend.test_in_a_browser import away, door, in_line, press, summoned

# A browser without a push service cannot subscribe; what the page does with one that can is tried.
SUBSCRIBES = """
PushManager.prototype.subscribe = async () => ({
  toJSON: () => ({ endpoint: 'https://push.example/test', keys: { p256dh: 'k', auth: 'a' } }),
});
"""
# Bells are counted where they sound: each note is an oscillator that is started.
COUNTS_BELLS = """
window.notes = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (when) { window.notes += 1; return start.call(this, when); };
"""
SHOWN_BY_THE_DEVICE = """
async () => {
  const all = await (await navigator.serviceWorker.ready).getNotifications();
  return all.map(({ title, body, tag, data }) => ({ title, body, tag, data }));
}
"""


async def rung(page: Page) -> None:
    await page.wait_for_function("() => window.notes > 0")
    await page.evaluate("window.notes = 0")


async def test_a_delay_is_told_with_its_reason_and_its_end(
    stage: Stage, page: Page
) -> None:
    await in_line(stage, page, "en")
    box = page.locator('[data-part="delay"]')
    await expect(box).to_be_hidden()
    stage.lobby.late(10, inferred=True)
    await expect(box).to_contain_text("About 10 minutes late")
    await expect(box).to_contain_text("The call before yours is still going on")
    await expect(page.locator("#announce")).to_contain_text("About 10 minutes late")
    stage.lobby.late(0)
    await expect(box).to_be_hidden()
    await expect(page.locator("#announce")).to_contain_text("no longer running late")


async def test_a_delay_is_told_before_the_time_too(stage: Stage, page: Page) -> None:
    stage.lobby.opens_in = timedelta(minutes=5)
    stage.lobby.late(20)
    await door(stage, page, "sv")
    await expect(page.locator('[data-part="delay"]')).to_contain_text("20 minuter")


async def test_who_waited_and_was_never_let_in_is_told_so(
    stage: Stage, page: Page
) -> None:
    await in_line(stage, page, "en")
    stage.lobby.status = "unserved"
    stage.lobby.move("left")
    title = "The time ended before you were let in"
    await expect(page.locator("h1:visible")).to_have_text(title)
    note = page.locator('[data-problem="not_served"]')
    await expect(note).to_contain_text("they can see that you waited")
    await expect(page.locator('[data-view="wait"] [data-action="ask"]')).to_be_hidden()


async def test_a_message_rings_is_said_aloud_and_is_acknowledged(
    stage: Stage, page: Page
) -> None:
    await page.add_init_script(COUNTS_BELLS)
    await in_line(stage, page, "fi")
    stage.lobby.write(code="soon")
    message = page.locator('[data-message="m-1"]')
    await expect(message).to_contain_text(
        "Otan sinut vastaan muutaman minuutin kuluttua."
    )
    await expect(page.locator("#announce-now")).to_contain_text("Otan sinut vastaan")
    await rung(page)
    await message.locator('[data-action="read"]').click()
    await expect(message).to_contain_text("Olet kertonut lukeneesi tämän.")
    assert stage.lobby.messages[0]["read_at"]


async def test_own_words_are_shown_as_words_and_not_as_a_page(
    stage: Stage, page: Page
) -> None:
    await in_line(stage, page, "en")
    stage.lobby.write(text="<img src=x> & test")
    await expect(page.locator('[data-message="m-1"] .said')).to_have_text(
        "<img src=x> & test"
    )


async def test_messages_of_before_ring_no_bell_after_a_reload(
    stage: Stage, page: Page
) -> None:
    await page.add_init_script(COUNTS_BELLS)
    await in_line(stage, page, "en")
    stage.lobby.write(code="stay")
    await rung(page)
    await page.reload()
    await expect(page.locator('[data-message="m-1"]')).to_be_visible()
    assert await page.evaluate("window.notes") == 0


async def test_who_cannot_be_called_is_told_so_and_may_agree_to_text_messages(
    stage: Stage, page: Page
) -> None:
    await in_line(stage, page, "en")
    await press(page, "put-away")
    silent = page.locator('[data-part="silent"]')
    await expect(silent).to_contain_text("no way to call you yet")
    await page.get_by_label("my number that ends in 67").check()
    await expect(silent).to_be_hidden()
    assert stage.lobby.texts["agreed"] is True
    await press(page, "confirm-away")
    await expect(page.locator('[data-part="away"]')).to_contain_text(
        "Your place is kept"
    )
    assert stage.lobby.away_since


async def test_without_a_number_no_text_message_is_offered(
    stage: Stage, page: Page
) -> None:
    stage.lobby.texts = {"possible": False, "agreed": False, "ends_with": None}
    await in_line(stage, page, "sv")
    await press(page, "put-away")
    await expect(page.locator('[data-part="silent"]')).to_be_visible()
    await expect(page.locator("#away-texts")).to_be_hidden()


async def test_this_device_can_be_told_to_notify(
    stage: Stage, notifiable_page: Page
) -> None:
    page = notifiable_page
    await page.add_init_script(SUBSCRIBES)
    await in_line(stage, page, "en")
    await press(page, "put-away")
    await press(page, "push-on")
    await expect(page.locator('[data-part="push"]')).to_contain_text(
        "This device notifies you"
    )
    await expect(page.locator('[data-part="silent"]')).to_be_hidden()
    (subscription,) = stage.lobby.subscriptions
    assert subscription["endpoint"] == "https://push.example/test"
    assert (subscription["audience"], subscription["language"]) == ("visit", "en")


async def test_a_browser_that_cannot_push_says_so(stage: Stage, page: Page) -> None:
    await page.add_init_script("delete window.PushManager")
    await in_line(stage, page, "en")
    await press(page, "put-away")
    await expect(page.locator('[data-part="push"]')).to_contain_text("cannot notify")
    await expect(page.locator('[data-action="push-on"]')).to_be_hidden()


async def test_whose_turn_it_is_hears_it_and_sees_how_long_there_is(
    stage: Stage, page: Page
) -> None:
    await page.add_init_script(COUNTS_BELLS)
    await away(stage, page, "en")
    stage.lobby.summon(timedelta(minutes=3))
    summons = page.locator('[data-part="summons"]')
    await expect(summons).to_contain_text("Testi-Leena Testilä is ready for you")
    await expect(summons).to_contain_text("Come within 2:")
    await expect(page.locator("#announce-now")).to_contain_text("is ready for you")
    await rung(page)
    assert (await page.title()).startswith("● ")
    await press(page, "come-back")
    await expect(summons).to_be_hidden()
    await expect(page.locator('[data-part="away"]')).to_be_hidden()
    assert not (await page.title()).startswith("● ")


async def test_who_comes_late_still_has_a_place(stage: Stage, page: Page) -> None:
    await summoned(stage, page, "en")
    stage.lobby.summon(timedelta(seconds=-1))
    await expect(page.locator('[data-part="summons"]')).to_contain_text(
        "Your place is kept"
    )
    await press(page, "come-back")
    await expect(page.locator('[data-part="place"]')).to_be_visible()


async def test_what_is_pushed_is_shown_by_the_device_and_leads_to_the_page(
    stage: Stage, notifiable_page: Page
) -> None:
    page = notifiable_page
    await page.goto(f"{stage.url}/privacy")
    await page.evaluate(
        "navigator.serviceWorker.register('/push-worker.js', {scope: '/'})"
        ".then(() => navigator.serviceWorker.ready).then(() => true)"
    )
    pushed = {
        "title": "Video appointment",
        "body": "It is your turn.",
        "tag": "a-1",
        "opens": "/visit",
        "language": "en",
    }
    await _push(stage, page, pushed)
    async with asyncio.timeout(PATIENCE / 1000):
        while not (shown := await page.evaluate(SHOWN_BY_THE_DEVICE)):
            await page.wait_for_timeout(50)
    assert shown == [
        {
            "title": "Video appointment",
            "body": "It is your turn.",
            "tag": "a-1",
            "data": {"opens": "/visit"},
        }
    ]


async def _push(stage: Stage, page: Page, pushed: dict[str, Any]) -> None:
    """As a push service would, by the browser's own door for developers."""
    devtools = await page.context.new_cdp_session(page)
    registered: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registered.extend(
            each["registrationId"] for each in told["registrations"]
        ),
    )
    await devtools.send("ServiceWorker.enable")
    while not registered:
        await page.wait_for_timeout(50)
    await devtools.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": stage.url,
            "registrationId": registered[-1],
            "data": json.dumps(pushed),
        },
    )
