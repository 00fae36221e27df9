"""The professional's desk: noticing who comes, writing, running late, calling back, mending an address."""

from datetime import timedelta

from playwright.async_api import Page, expect

from tests.frontend.stage import Stage
from tests.frontend.test_in_a_browser import at_the_door, press, view
from tests.frontend.test_waiting import COUNTS_BELLS, SUBSCRIBES, rung

DETAIL = '[data-view="detail"]'


async def open_desk(stage: Stage, page: Page, language: str = "en") -> None:
    await page.goto(f"{stage.url}/staff?lang={language}")
    await view(page, "queue")
    await press(page, "try-sound")


async def chosen(stage: Stage, page: Page, language: str = "en") -> None:
    await at_the_door(stage, page, language)


async def test_the_sound_can_be_tried(stage: Stage, page: Page) -> None:
    await page.add_init_script(COUNTS_BELLS)
    await open_desk(stage, page)
    await rung(page)


async def test_the_first_arrival_rings_and_so_does_the_second(
    stage: Stage, page: Page
) -> None:
    await page.add_init_script(COUNTS_BELLS)
    await open_desk(stage, page)
    await rung(page)
    for _ in ("first", "second"):
        stage.lobby.move("waiting")
        await rung(page)
        assert (await page.title()).startswith("(1) ")
        stage.lobby.move("left")
        await expect(page).not_to_have_title("(1)")
        await page.wait_for_function("() => !document.title.startsWith('(')")


async def test_who_waited_and_was_never_let_in_is_not_said_to_have_stayed_away(
    stage: Stage, page: Page
) -> None:
    stage.lobby.status = "unserved"
    stage.lobby.move("left")
    await open_desk(stage, page)
    row = page.locator('[data-person="person-1"]')
    await expect(row).to_contain_text("Never let in")
    await row.click()
    await expect(page.locator(DETAIL)).to_contain_text(
        "Asked to join and was not let in"
    )


async def test_a_bell_that_nobody_answers_rings_again_until_it_is_seen(
    stage: Stage, page: Page
) -> None:
    await page.add_init_script(COUNTS_BELLS)
    stage.lobby.move("waiting")
    stage.lobby.ring("colleague")
    await open_desk(stage, page)
    await rung(page)
    await page.locator('[data-person="person-1"]').click()
    await press(page, "acknowledge")
    await expect(page.locator('[data-part="noticed"]')).to_contain_text(
        "You have seen that they wait"
    )
    await expect(page.locator('[data-action="acknowledge"]')).to_be_hidden()


async def test_a_ready_made_message_and_own_words_are_sent_and_seen_to_be_read(
    stage: Stage, page: Page
) -> None:
    await chosen(stage, page)
    await page.get_by_label("Message", exact=True).select_option("device")
    await press(page, "send")
    sent = page.locator('[data-part="sent"] li')
    await expect(sent).to_contain_text("Please check your camera and microphone.")
    await page.get_by_label("Message", exact=True).select_option("own")
    await page.get_by_label("Your message").fill("Test: in five minutes.")
    await press(page, "send")
    await expect(sent.nth(1)).to_contain_text("Test: in five minutes.")
    await expect(page.get_by_label("Your message")).to_have_value("")
    stage.lobby.messages[1]["read_at"] = stage.lobby.opens_at.isoformat()
    await expect(sent.nth(1)).to_contain_text("Read at")


async def test_a_message_that_was_not_taken_stays_in_its_place(
    stage: Stage, page: Page
) -> None:
    stage.lobby.refusals["messages"] = {"status": 503, "code": "unavailable"}
    await chosen(stage, page)
    await page.get_by_label("Message", exact=True).select_option("own")
    await page.get_by_label("Your message").fill("Test: wait.")
    await press(page, "send")
    await expect(page.locator(f'{DETAIL} [data-problem="unavailable"]')).to_be_visible()
    await expect(page.get_by_label("Your message")).to_have_value("Test: wait.")


async def test_ten_minutes_later_and_on_time_again(stage: Stage, page: Page) -> None:
    await chosen(stage, page)
    now = page.locator('[data-part="late-now"]')
    await expect(now).to_have_text("Nobody has been told of a delay.")
    await press(page, "later")
    await expect(now).to_have_text("Told: about 10 minutes late.")
    await press(page, "later")
    await expect(now).to_have_text("Told: about 20 minutes late.")
    await press(page, "on-time")
    await expect(now).to_have_text("Nobody has been told of a delay.")


async def test_who_is_away_is_called_back_and_both_know_until_when(
    stage: Stage, page: Page
) -> None:
    stage.lobby.away_since = stage.lobby.now()
    await chosen(stage, page)
    await press(page, "summon")
    told = page.locator('[data-part="summoned"]')
    await expect(told).to_contain_text("You need not wait longer than 2 min")
    await expect(page.locator('[data-action="summon"]')).to_be_hidden()
    stage.lobby.summon(timedelta(seconds=-1))
    await expect(told).to_contain_text("has not come yet")
    stage.lobby.come_back()
    await expect(told).to_be_hidden()


async def test_nobody_who_is_there_is_called_back(stage: Stage, page: Page) -> None:
    await chosen(stage, page)
    await expect(page.locator('[data-action="summon"]')).to_be_hidden()


async def test_a_letter_that_came_back_is_seen_with_its_reason_and_is_sent_anew(
    stage: Stage, page: Page
) -> None:
    stage.lobby.letter("invitation", "failed", "mailbox_full")
    await open_desk(stage, page)
    await page.locator('[data-appointment="a-2"] button').click()
    await expect(page.locator(f'{DETAIL} [data-part="state"]')).to_contain_text(
        "The mailbox is full."
    )
    letters = page.locator('[data-recipient="patient"] li')
    await expect(letters.first).to_contain_text("Not delivered")
    await press(page, "resend")
    await expect(letters.first).to_contain_text("Waits for its time")
    await expect(letters).to_have_count(2)


async def test_why_nothing_can_be_sent_again_is_said(stage: Stage, page: Page) -> None:
    stage.lobby.not_again = "appointment_over"
    await open_desk(stage, page)
    await page.locator('[data-appointment="a-2"] button').click()
    about = page.locator('[data-part="recipients"]')
    await expect(about).to_contain_text("This appointment is over")
    await expect(about.locator('[data-action="resend"]')).to_have_count(0)


async def test_an_address_is_corrected_and_never_shown_whole(
    stage: Stage, page: Page
) -> None:
    await open_desk(stage, page)
    await page.locator('[data-appointment="a-2"] button').click()
    await press(page, "address")
    await page.get_by_label("New e-mail address").fill("new@example.com")
    await press(page, "confirm-address")
    await expect(page.locator('[data-part="recipients"] h4')).to_have_text(
        "Patient, n…@e….com"
    )
    assert "new@example.com" not in await page.content()


async def test_letters_of_each_kind_can_be_looked_at_in_each_language(
    stage: Stage, page: Page
) -> None:
    await open_desk(stage, page)
    await page.locator('[data-appointment="a-2"] button').click()
    await page.get_by_label("Look at the letter:").select_option("delay")
    links = page.locator('[data-part="invited"] a')
    shown = [await each.get_attribute("href") for each in await links.all()]
    here = "/invitation/api/appointments/a-2/preview?language="
    assert shown == [f"{here}{language}&kind=delay" for language in ("sv", "fi", "en")]


async def test_the_desks_own_device_can_be_told_to_notify(
    stage: Stage, notifiable_page: Page
) -> None:
    page = notifiable_page
    await page.add_init_script(SUBSCRIBES)
    await open_desk(stage, page)
    await press(page, "notify")
    switch = page.locator('[data-action="notify"]')
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await expect(switch).to_contain_text("Notifications: on")
    assert stage.lobby.subscriptions[0]["audience"] == "staff"


async def test_what_does_not_answer_beside_the_lobby_hides_nobody(
    stage: Stage, page: Page
) -> None:
    """The notifier is away: the queue stands all the same."""
    stage.lobby.move("waiting")
    await page.route("**/notifier/**", lambda route: route.abort())
    await open_desk(stage, page)
    await expect(page.locator('[data-person="person-1"]')).to_be_visible()
