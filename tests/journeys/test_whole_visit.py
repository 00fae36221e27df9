"""From the booking to the closed call, as product.md tells it, in each language once."""

import pytest

from tests.journeys.booking_system import heard
from tests.journeys.suite import Suite, screen, until

GREETING = {
    "sv": "Välkommen",
    "fi": "Tervetuloa",
    "en": "Welcome",
}


@pytest.mark.parametrize("language", ["sv", "fi", "en"])
async def test_from_the_mailbox_to_the_closed_call(suite: Suite, language: str) -> None:
    booking = await suite.book(language)
    link = await suite.link(booking)
    patient = await suite.patient(language)

    await patient.open(link)
    heading = patient.page.locator("h1:visible").first
    assert GREETING[language] in (await heading.inner_text()).replace("\u00ad", "")
    assert link.split("?")[0] not in patient.page.url
    await screen(patient.page, f"entry-{language}")

    await patient.identify(language)
    await patient.sees("check")
    assert await patient.page.locator("html").get_attribute("lang") == language
    await patient.pass_checks()
    await screen(patient.page, f"wait-open-{language}")
    await patient.asks()
    await screen(patient.page, f"wait-in-line-{language}")

    nurse = await suite.staff(language=language)
    await nurse.opens_door(booking.appointment_id)
    await screen(nurse.page, f"staff-admit-{language}")
    await nurse.does("confirm-admit")
    await nurse.sees("call")
    await patient.sees("call")
    await patient.sees_the_other_move()
    await nurse.sees_the_other_move()
    assert (nurse.described(), patient.described()) == (["offer"], ["answer"])
    await screen(patient.page, f"call-{language}")
    await screen(nurse.page, f"staff-call-{language}")

    await patient.hangs_up()
    await screen(patient.page, f"closed-{language}")

    async def ended() -> bytes | None:
        said = await heard(suite.around.kafka, "call.ended", booking.appointment_id)
        return said[0].value() if said else None

    assert b'"ended_by": "patient"' in await until(ended, "the booking system hears")
