"""Grey and green, early and late, and who may come in at all."""

from datetime import timedelta

from playwright.async_api import expect

from chassis.clock import now
from dev.booking import cancelled, rescheduled
from tests.journeys.suite import Suite, screen

SOON = timedelta(seconds=25)
THREE_HOURS_AHEAD = """
  const Real = Date, ahead = 3 * 3600 * 1000;
  Date = class extends Real {
    constructor(...given) { given.length ? super(...given) : super(Real.now() + ahead); }
    static now() { return Real.now() + ahead; }
  };
"""


async def test_the_button_turns_green_by_itself_and_the_server_refuses_before(
    suite: Suite,
) -> None:
    booking = await suite.book("fi", starts_in=SOON)
    patient = await suite.identified(booking, "fi")
    await patient.skip_checks()
    await patient.sees_grey()
    await screen(patient.page, "wait-closed-fi")
    refused = await patient.asks_server("POST", "/lobby/api/visit/ask")
    assert (refused["status"], refused["code"]) == (409, "not_open_yet")

    await patient.page.evaluate("window.notReloaded = true")
    await patient.sees_green(within=40_000)
    assert await patient.page.evaluate("window.notReloaded")
    await patient.asks()


async def test_the_clock_of_the_browser_does_not_open_the_door(suite: Suite) -> None:
    booking = await suite.book("sv", starts_in=timedelta(hours=1))
    patient = await suite.patient()
    await patient.page.add_init_script(THREE_HOURS_AHEAD)
    await patient.open(await suite.link(booking))
    await patient.identify("sv")
    await patient.sees("check")
    await patient.skip_checks()
    await patient.sees_grey()


async def test_a_stranger_is_refused(suite: Suite) -> None:
    booking = await suite.book("sv")
    stranger = await suite.patient()
    await stranger.open(await suite.link(booking))
    await stranger.identify("stranger")
    await stranger.page.wait_for_url("**/sorry/wrong_person")
    # The demo's provider has no logout, so none is promised.
    await expect(stranger.page.locator('[data-part="stays-known"]')).to_be_visible()
    await expect(stranger.page.locator('[data-action="log-out-there"]')).to_be_hidden()
    await screen(stranger.page, "sorry-wrong-person-sv")
    seen = await stranger.asks_server("GET", "/lobby/api/visit")
    assert seen["status"] == 401


async def test_the_guardian_attends_for_a_child_of_8(suite: Suite) -> None:
    booking = await suite.book("child-8")
    guardian = await suite.returned(booking, "guardian")
    await guardian.page.wait_for_url("**/acting")
    await screen(guardian.page, "acting-sv")
    before = await guardian.asks_server("GET", "/lobby/api/visit")
    assert before["status"] == 401
    await guardian.acts_for_the_child()
    await guardian.sees("check")
    await guardian.skip_checks()
    await guardian.asks()
    nurse = await suite.staff()
    await nurse.admits(booking.appointment_id)
    await guardian.sees_the_other_move()


async def test_a_guardian_who_does_not_act_goes_back_and_may_begin_again(
    suite: Suite,
) -> None:
    booking = await suite.book("child-8")
    guardian = await suite.returned(booking, "guardian")
    await guardian.does("act-not")
    await guardian.page.wait_for_url("**/entry")
    seen = await guardian.asks_server("GET", "/lobby/api/visit")
    assert seen["status"] == 401
    await guardian.identify("guardian")
    await guardian.acts_for_the_child()
    await guardian.sees("check")


async def test_a_child_of_13_comes_with_own_credentials_and_not_by_a_guardian(
    suite: Suite,
) -> None:
    booking = await suite.book("child-13")
    guardian = await suite.patient()
    await guardian.open(await suite.link(booking))
    await guardian.identify("guardian")
    await guardian.page.wait_for_url("**/sorry/child_needs_own_credentials")

    child = await suite.identified(booking, "child-13")
    await child.skip_checks()
    await child.asks()


async def test_an_identification_that_is_cancelled_ends_on_a_page_with_a_way_on(
    suite: Suite,
) -> None:
    booking = await suite.book("en")
    patient = await suite.patient("en")
    await patient.open(await suite.link(booking))
    await patient.does("identify")
    await patient.page.locator("[data-cancel]").click()
    await patient.page.wait_for_url("**/sorry/identification_cancelled")
    assert await patient.page.locator("html").get_attribute("lang") == "en"
    await patient.open(await suite.link(booking))
    await patient.identify("en")
    await patient.sees("check")


async def test_the_chosen_language_lasts_through_the_identification(
    suite: Suite,
) -> None:
    booking = await suite.book("fi")
    patient = await suite.patient("fi")
    await patient.open(await suite.link(booking))
    await patient.page.locator('[data-language="en"]').click()
    await expect(patient.page.locator("html")).to_have_attribute("lang", "en")
    await patient.does("identify")
    await expect(patient.page.locator("html")).to_have_attribute("lang", "en")
    await patient.chooses("fi")
    await patient.sees("check")
    await expect(patient.page.locator("html")).to_have_attribute("lang", "en")


async def test_the_link_of_a_cancelled_appointment_says_so(suite: Suite) -> None:
    booking = await suite.book("sv")
    link = await suite.link(booking)
    await suite.say(cancelled(booking.appointment_id, now()))
    await suite.mail(booking, 2)
    patient = await suite.patient()
    await patient.open(link)
    await patient.does("identify")
    await patient.sees_problem("appointment_cancelled")


async def test_a_moved_appointment_keeps_the_link_and_shows_the_new_time(
    suite: Suite,
) -> None:
    booking = await suite.book("sv")
    link = await suite.link(booking)
    later = booking.starts_at + timedelta(days=1)
    await suite.say(rescheduled(booking.appointment_id, later, now()))
    await suite.mail(booking, 2)
    patient = await suite.patient()
    await patient.open(link)
    await patient.identify("sv")
    await patient.sees("check")
    await patient.skip_checks()
    await patient.sees_grey()
