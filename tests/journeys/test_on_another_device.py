"""Going on on another device: what its camera reads from the first one's screen."""

from pathlib import Path

from playwright.async_api import expect

from tests.journeys.camera import reads
from tests.journeys.people import SEEN_WITHIN
from tests.journeys.suite import Suite


async def test_the_code_on_the_screen_leads_the_other_device_into_the_visit(
    suite: Suite, log_file: Path
) -> None:
    booking = await suite.book("sv")
    here = await suite.identified(booking, "sv")
    await here.skip_checks()
    await here.does("hand-over")
    picture = here.page.locator("#hand-over img")
    await expect(picture).to_be_visible(timeout=SEEN_WITHIN)
    address = await reads(here.page)
    assert address.startswith(f"{suite.around.url}/h/")

    there = await suite.patient()
    await there.open(address)
    assert there.page.url == f"{suite.around.url}/h"
    await there.does("take-over")
    await there.sees("check")
    seen = await there.asks_server("GET", "/lobby/api/visit")
    assert seen["appointment"]["appointment_id"] == booking.appointment_id
    await expect(picture).to_be_hidden(timeout=SEEN_WITHIN)
    assert address.rpartition("/")[2] not in log_file.read_text()  # noqa: ASYNC240 - a moment


async def test_a_photograph_of_a_used_code_opens_nothing(suite: Suite) -> None:
    here = await suite.identified(await suite.book("fi"), "fi")
    await here.skip_checks()
    await here.does("hand-over")
    await expect(here.page.locator("#hand-over img")).to_be_visible(timeout=SEEN_WITHIN)
    address = await reads(here.page)
    first, second = await suite.patient("fi"), await suite.patient("fi")
    await first.open(address)
    await first.does("take-over")
    await first.sees("check")
    await second.open(address)
    await second.does("take-over")
    await second.sees_problem("handover_over")
