"""Waiting: a place that cannot be lost, and one door that opens once."""

import asyncio

from playwright.async_api import expect

from chassis.clock import now
from dev.booking import cancelled
from tests.journeys.people import SEEN_WITHIN
from tests.journeys.suite import Suite, until


async def waiting(suite: Suite, who: str = "sv"):  # type: ignore[no-untyped-def]
    booking = await suite.book(who)
    patient = await suite.identified(booking, who)
    await patient.skip_checks()
    await patient.asks()
    return booking, patient


async def test_reload_and_a_second_tab_keep_the_place(suite: Suite) -> None:
    booking, patient = await waiting(suite)
    before = await patient.asks_server("GET", "/lobby/api/visit")
    await patient.page.reload()
    await patient.is_in_line()
    tab = await patient.page.context.new_page()
    await tab.goto(f"{patient.url}/visit")
    place = tab.locator('[data-view="wait"] [data-part="place"]')
    await expect(place).to_be_visible(timeout=SEEN_WITHIN)
    after = await patient.asks_server("GET", "/lobby/api/visit")
    assert after["place"] == before["place"]
    nurse = await suite.staff()
    await nurse.sees_waiting(booking.appointment_id)
    rows = nurse.page.locator(f'[data-appointment="{booking.appointment_id}"]')
    assert await rows.count() == 1


async def test_of_two_professionals_at_once_one_admits_and_the_other_is_told(
    suite: Suite,
) -> None:
    booking, patient = await waiting(suite)
    nurses = [await suite.staff("professional"), await suite.staff("colleague")]
    for nurse in nurses:
        await nurse.opens_door(booking.appointment_id)
    await asyncio.gather(*(nurse.does("confirm-admit") for nurse in nurses))
    in_call = [nurse.page.locator('[data-view="call"]') for nurse in nurses]
    told = [
        nurse.page.locator('[data-problem="someone_was_first"]').first
        for nurse in nurses
    ]

    async def settled() -> list[bool] | None:
        inside = [await call.is_visible() for call in in_call]
        outside = [await note.is_visible() for note in told]
        decided = all(a != b for a, b in zip(inside, outside, strict=True))
        return inside if decided else None

    inside = await until(settled, "one in, one told")
    assert sorted(inside) == [False, True]
    late = nurses[inside.index(False)]
    await expect(late.page.locator('[data-action="join"]:visible')).to_have_count(0)
    await patient.sees("call")


async def test_another_units_professional_sees_nothing(suite: Suite) -> None:
    booking, _ = await waiting(suite)
    stranger = await suite.staff("other-unit")
    queue = await stranger.asks_server("GET", "/lobby/api/queue")
    ids = [each["appointment_id"] for each in queue["appointments"]]
    assert booking.appointment_id not in ids
    await expect(stranger.row(booking.appointment_id)).to_have_count(0)


async def test_cancelled_while_waiting_is_told_at_once(suite: Suite) -> None:
    booking, patient = await waiting(suite)
    await suite.say(cancelled(booking.appointment_id, now()))
    await patient.sees_problem("appointment_cancelled")
    refused = await patient.asks_server("POST", "/lobby/api/visit/ask")
    assert refused["code"] == "appointment_cancelled"


async def test_refused_with_a_reason_one_may_ask_again(suite: Suite) -> None:
    booking, patient = await waiting(suite, "en")
    nurse = await suite.staff()
    await nurse.sees_waiting(booking.appointment_id)
    await nurse.row(booking.appointment_id).click()
    await nurse.does("refuse")
    await nurse.does("confirm-refuse")
    await expect(patient.button).to_be_visible(timeout=SEEN_WITHIN)
    told = await patient.asks_server("GET", "/lobby/api/visit")
    assert (told["place"]["state"], told["place"]["reason"]) == ("refused", "not_ready")
    await patient.asks()


async def test_the_professional_ends_for_everyone(suite: Suite) -> None:
    booking, patient = await waiting(suite)
    nurse = await suite.staff()
    await nurse.admits(booking.appointment_id)
    await patient.sees("call")
    await nurse.sees_the_other_move()
    await nurse.ends()
    await patient.sees("closed")


async def test_a_reload_in_the_call_comes_back_into_it(suite: Suite) -> None:
    booking, patient = await waiting(suite)
    nurse = await suite.staff()
    await nurse.admits(booking.appointment_id)
    await patient.sees_the_other_move()
    await patient.page.reload()
    await patient.sees("call")
    await patient.sees_the_other_move()
    await nurse.sees_the_other_move()
