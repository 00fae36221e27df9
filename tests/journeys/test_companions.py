"""Others who are asked to come along: by their own link, and one by one."""

from playwright.async_api import expect

from tests.journeys.suite import Suite, screen

WHO = '[data-view="detail"] [data-fact="role"]'


async def test_an_interpreter_joins_the_line_by_their_own_link_and_is_let_in_as_such(
    suite: Suite,
) -> None:
    booking = await suite.book("sv", interpreter="interpreter")
    assert booking.interpreter is not None
    link = await suite.link(booking, booking.interpreter)
    assert link != await suite.link(booking)
    interpreter = await suite.patient()
    await interpreter.open(link)
    await interpreter.identify("interpreter")
    await interpreter.sees("check")
    await interpreter.skip_checks()
    await interpreter.asks()

    patient = await suite.identified(booking, "sv")
    await patient.skip_checks()
    await patient.asks()

    nurse = await suite.staff()
    await nurse.sees_waiting(booking.appointment_id)
    await nurse.chooses_waiting(booking.interpreter.name)
    role = nurse.page.locator(WHO).first
    await expect(role).to_contain_text("Tolk")
    await expect(role).to_contain_text(booking.patient.name)
    await screen(nurse.page, "staff-interpreter-sv")
    await nurse.does("admit")
    await nurse.does("confirm-admit")
    await nurse.sees("call")


async def test_the_patient_does_not_come_in_by_the_interpreters_link(
    suite: Suite,
) -> None:
    booking = await suite.book("sv", interpreter="interpreter")
    patient = await suite.patient()
    await patient.open(await suite.link(booking, booking.interpreter))
    await patient.identify("sv")
    await patient.page.wait_for_url("**/sorry/wrong_person")
    seen = await patient.asks_server("GET", "/lobby/api/visit")
    assert seen["status"] == 401
