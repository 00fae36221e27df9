"""Nobody waits unnoticed or unknowing: messages, delays, being called back, a corrected address."""

from dataclasses import replace
from datetime import timedelta

from playwright.async_api import expect

from dev.booking import Booking
from tests.journeys.people import SEEN_WITHIN, Patient, Staff
from tests.journeys.suite import Suite, screen, until

DETAIL = '[data-view="detail"]'


async def in_line(
    suite: Suite, who: str = "sv", *, texts: bool = True
) -> tuple[Booking, Patient]:
    booking = await suite.book(who, texts=texts)
    patient = await suite.identified(booking, who)
    await patient.skip_checks()
    await patient.asks()
    return booking, patient


async def looking_at(suite: Suite, booking: Booking) -> Staff:
    nurse = await suite.staff()
    await nurse.sees_waiting(booking.appointment_id)
    await nurse.row(booking.appointment_id).click()
    return nurse


async def test_a_message_is_read_and_the_professional_sees_that(suite: Suite) -> None:
    booking, patient = await in_line(suite)
    nurse = await suite.staff()
    words = suite.words("den förra patienten behöver en stund till.")
    await nurse.writes(booking.appointment_id, words)
    message = patient.page.locator('[data-part="messages"] li')
    await expect(message).to_contain_text(words, timeout=SEEN_WITHIN)
    await message.locator('[data-action="read"]').click()
    sent = nurse.page.locator(f'{DETAIL} [data-part="sent"] li')
    await expect(sent).to_contain_text("Läst", timeout=SEEN_WITHIN)
    await screen(patient.page, "wait-message-sv")
    await screen(nurse.page, "staff-message-sv")


async def test_ten_minutes_late_is_told_to_who_waits_and_to_who_has_not_come(
    suite: Suite,
) -> None:
    booking, patient = await in_line(suite)
    nurse = await looking_at(suite, booking)
    await nurse.does("later")
    late = patient.page.locator('[data-part="delay"]')
    await expect(late).to_contain_text("10 minuter", timeout=SEEN_WITHIN)

    before = len(suite.post.texts.all)
    absent = await suite.book("fi", starts_in=timedelta(minutes=5), texts=True)
    await suite.mail(absent)
    await nurse.sees_row(absent.appointment_id)
    await nurse.row(absent.appointment_id).click()
    await nurse.does("later")
    told = await suite.mail(absent, number=2)
    assert "10" in told["Text"]
    await suite.texted(absent, before, "10 minuuttia myöhässä")
    assert len(await suite.mails(booking)) == 1  # who waits reads it on the page


async def test_who_put_the_phone_away_is_called_by_text_and_comes_back(
    suite: Suite,
) -> None:
    """They agree to the text message on the page: the booking does not say so."""
    booking, patient = await in_line(suite, "en", texts=False)
    before = len(suite.post.texts.all)
    await patient.does("put-away")
    await patient.page.locator("#away-texts").check(timeout=SEEN_WITHIN)
    await expect(patient.page.locator('#away [data-part="silent"]')).to_be_hidden()
    await patient.does("confirm-away")
    nurse = await looking_at(suite, booking)
    await nurse.does("summon")
    summons = patient.page.locator('[data-part="summons"]')
    await expect(summons).to_be_visible(timeout=SEEN_WITHIN)
    await screen(patient.page, "wait-called-en")
    await suite.texted(booking, before, "your turn")
    await patient.does("come-back")
    await expect(summons).to_be_hidden(timeout=SEEN_WITHIN)
    await expect(nurse.page.locator('[data-part="summoned"]')).to_be_hidden(
        timeout=SEEN_WITHIN
    )
    await nurse.admits(booking.appointment_id)
    await patient.sees("call")


async def test_of_two_professionals_one_has_seen_that_somebody_waits(
    suite: Suite,
) -> None:
    booking, _ = await in_line(suite)
    nurse, colleague = [await looking_at(suite, booking) for _ in range(2)]
    await nurse.does("acknowledge")
    for each in (nurse, colleague):
        noticed = each.page.locator('[data-part="noticed"]')
        await expect(noticed).to_be_visible(timeout=SEEN_WITHIN)
        await expect(
            each.page.locator(f'{DETAIL} [data-action="acknowledge"]')
        ).to_be_hidden()


async def test_a_corrected_address_gets_a_new_link_and_the_old_one_opens_nothing(
    suite: Suite,
) -> None:
    booking = await suite.book("sv", starts_in=timedelta(minutes=30))
    old = await suite.link(booking)
    nurse = await suite.staff()
    await nurse.sees_row(booking.appointment_id)
    await nurse.row(booking.appointment_id).click()
    await nurse.page.locator('[data-part="invited"] summary').click()
    await nurse.does("address")
    moved = replace(booking.patient, key=f"corrected-{booking.appointment_id}")
    corrected = moved.email.get_secret_value()
    suite.used.add(corrected)
    await nurse.page.locator("#new-address").fill(corrected)
    await nurse.does("confirm-address")
    new = await suite.link(booking, moved)
    assert new != old
    patient = await suite.patient()

    async def revoked() -> bool | None:
        await patient.open(old)
        await patient.does("identify")
        problem = patient.page.locator('[data-problem="link_unknown"]')
        gone = patient.page.locator('[data-cancel], [data-person="sv"]').first
        await expect(problem.or_(gone).first).to_be_visible(timeout=SEEN_WITHIN)
        return True if await problem.is_visible() else None

    assert await until(revoked, "the old link still opens")
    await patient.open(new)
    await patient.identify("sv")
    await patient.sees("check")
