"""A socket is good for as long as the token that opened it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from chassis.clock import now
from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from tests.signalling.pages import House, Page, Visit

OVER = ("session_over", "reconnect", 4402)
NO_SESSION = ("no_session", "stop", 4401)
STARTED = now()  # where this signalling's clock stands: no token is over at its door
SOON, LATER = STARTED + timedelta(seconds=3), STARTED + timedelta(hours=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def still_house(house: House, database_url: str) -> AsyncIterator[House]:
    async with house.running(house.settings(database_url), lambda: STARTED):
        yield house


async def patient_until(house: House, visit: Visit, until: datetime) -> Page:
    cookie = house.visit_cookie(visit.appointment, visit.patient, "patient", until)
    return await house.connect(visit.appointment, {VISIT_COOKIE: cookie}, "visit")


async def professional_until(house: House, visit: Visit, until: datetime) -> Page:
    cookie = house.staff_cookie(visit.professional, until)
    return await house.connect(visit.appointment, {STAFF_COOKIE: cookie}, "staff")


async def test_at_the_end_of_the_token_one_is_told_to_come_back_and_finds_the_call(
    still_house: House, visit: Visit
) -> None:
    await still_house.admit(visit)
    professional = await professional_until(still_house, visit, LATER)
    await professional.hello()
    patient = await patient_until(still_house, visit, SOON)
    started = (await patient.hello())["started_at"]
    assert await patient.refusal() == OVER
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "lost")

    again = await patient_until(still_house, visit, LATER)
    welcome = await again.hello()
    assert (welcome["resumed"], welcome["started_at"]) == (False, started)
    assert (await professional.until("joined"))["member"]["member"] == visit.patient
    assert await still_house.topics(visit) == ["call.started"]


async def test_a_professional_is_told_too(still_house: House, visit: Visit) -> None:
    await still_house.admit(visit)
    professional = await professional_until(still_house, visit, SOON)
    await professional.hello()
    assert await professional.refusal() == OVER


async def test_who_only_waits_is_told_too(still_house: House, visit: Visit) -> None:
    patient = await patient_until(still_house, visit, SOON)
    await patient.say(type="hello")
    assert await patient.refusal() == OVER


@pytest.mark.parametrize("lapsed", [True, False])
async def test_without_a_renewed_token_one_is_told_to_stop(
    still_house: House, visit: Visit, *, lapsed: bool
) -> None:
    await still_house.admit(visit)
    token = still_house.visit_cookie(
        visit.appointment, visit.patient, "patient", STARTED
    )
    cookies = {VISIT_COOKIE: token} if lapsed else {}
    page = await still_house.connect(visit.appointment, cookies, "visit")
    assert await page.refusal() == NO_SESSION
