"""A call that goes on past the end of a token, and one that a logout ends."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, WebSocket, expect

from dev import kafka as kafkas
from dev import postgres as postgreses
from tests.journeys.people import Person
from tests.journeys.suite import Suite, running, until

TOKEN_LIFE = "PT25S"  # little more than the least that may be set
PATIENCE = 40.0  # seconds: a token must end first
LOG_OUT_EVERYWHERE = """
() => fetch('/identity/logout', {
  method: 'POST',
  headers: {'Content-Type': 'application/json'},
  body: JSON.stringify({everywhere: true}),
})
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def suite(
    postgres: postgreses.Server, kafka: kafkas.Cluster, browser: Browser
) -> AsyncIterator[Suite]:
    async with running(
        postgres, kafka.servers, browser, TOKEN_LIFE=TOKEN_LIFE
    ) as suite:
        yield suite


def wires(person: Person) -> list[WebSocket]:
    """The sockets to signalling that this person's page opens from now on."""
    opened: list[WebSocket] = []

    def note(wire: WebSocket) -> None:
        opened.append(wire)

    person.page.on("websocket", note)
    return opened


async def comes_back(opened: list[WebSocket]) -> None:
    async def another() -> bool | None:
        is_back = len(opened) > 1 and not opened[-1].is_closed()
        return is_back or None

    await until(another, "no new socket was opened", PATIENCE)


async def test_a_call_goes_on_past_a_token_and_ends_soon_after_a_logout_elsewhere(
    suite: Suite,
) -> None:
    booking = await suite.book("sv")
    patient = await suite.identified(booking, "sv")
    elsewhere = await suite.identified(booking, "sv")
    await elsewhere.page.goto(suite.around.url)  # another device, away from the call
    await patient.skip_checks()
    await patient.asks()
    nurse = await suite.staff()
    opened = {patient: wires(patient), nurse: wires(nurse)}
    await nurse.admits(booking.appointment_id)
    for each in (patient, nurse):
        await each.sees_the_other_move()
        await each.page.evaluate("window.before = videomottagning.peer()")

    for each in (patient, nurse):
        await comes_back(opened[each])
        await each.sees_the_other_move()
        assert await each.page.evaluate("window.before === videomottagning.peer()")

    await elsewhere.page.evaluate(LOG_OUT_EVERYWHERE)
    await patient.page.wait_for_url("**/entry", timeout=PATIENCE * 1000)
    seen = await patient.asks_server("GET", "/lobby/api/visit")
    assert seen["status"] == 401
    await expect(nurse.page.locator('[data-view="call"]')).to_be_visible()
