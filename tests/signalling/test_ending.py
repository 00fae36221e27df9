"""How calls end when nobody says goodbye, and what goes on when something is away."""

import asyncio
from collections.abc import Mapping

from contract.signalling import CallEnded, EndedBy
from tests.chassis.kafka import until
from tests.chassis.proxy import before
from tests.signalling.pages import House, Visit, a_candidate

QUICK: Mapping[str, float] = {"silence_seconds": 0.4, "resume_seconds": 0.2}


async def _said(house: House, visit: Visit, events: int) -> bool:
    return len(await house.topics(visit)) >= events


async def _ended_by(house: House, visit: Visit) -> EndedBy | None:
    _, ended = await house.said(visit)
    assert isinstance(ended, CallEnded)
    return ended.ended_by


async def test_a_cancellation_ends_the_call_that_is_going_on(
    open_house: House, visit: Visit
) -> None:
    pages = await open_house.together(visit)
    await until(lambda: _said(open_house, visit, 1))
    await open_house.cancel(visit)
    for page in pages:
        assert await page.refusal() == ("appointment_cancelled", "stop", 4410)
    await until(lambda: _said(open_house, visit, 2))
    assert await open_house.topics(visit) == ["call.started", "call.ended"]
    assert await _ended_by(open_house, visit) is EndedBy.CANCELLATION


async def test_a_call_that_nobody_comes_back_to_ends_in_silence(
    house: House, visit: Visit, database_url: str
) -> None:
    async with house.running(house.settings(database_url, **QUICK)):
        for page in await house.together(visit):
            await page.lose()
        await until(lambda: _said(house, visit, 2))
    assert await house.topics(visit) == ["call.started", "call.ended"]
    assert await _ended_by(house, visit) is EndedBy.SILENCE


async def test_a_call_with_one_left_in_it_does_not_end_in_silence(
    house: House, visit: Visit, database_url: str
) -> None:
    """Another call falls silent after it, so the silence has been looked for since."""
    other = Visit()
    async with house.running(house.settings(database_url, **QUICK)):
        patient, professional = await house.together(visit)
        await patient.lose()
        assert (await professional.until("gone"))["reason"] == "lost"
        assert (await professional.until("gone"))["reason"] == "expired"
        for page in await house.together(other):
            await page.lose()
        await until(lambda: _said(house, other, 2))
        assert await house.topics(visit) == ["call.started"]
        again = await house.patient(visit)
        assert (await again.hello())["started_at"] is not None


async def test_a_restarted_server_takes_the_call_up_again(
    house: House, visit: Visit, database_url: str
) -> None:
    settings = house.settings(database_url)
    async with house.running(settings) as server:
        pages = await house.together(visit)
        await until(lambda: _said(house, visit, 1))
        told = await asyncio.gather(*(page.refusal() for page in pages), server.close())
        assert told[:2] == [("restarting", "resume", 1012)] * 2
    async with house.running(settings):
        patient = await house.patient(visit)
        welcome = await patient.hello(resume=pages[0].resume_of())
        assert not welcome["resumed"]
        assert welcome["started_at"] is not None
        professional = await house.professional(visit)
        await professional.hello(resume=pages[1].resume_of())
        await patient.until("joined")
        await patient.say(type="leave")
        await until(lambda: _said(house, visit, 2))
    assert await house.topics(visit) == ["call.started", "call.ended"]


async def test_after_a_restart_a_call_that_nobody_comes_back_to_ends(
    house: House, visit: Visit, database_url: str
) -> None:
    async with house.running(house.settings(database_url)):
        await house.together(visit)
        await until(lambda: _said(house, visit, 1))
    async with house.running(house.settings(database_url, **QUICK)):
        await until(lambda: _said(house, visit, 2))
    assert await _ended_by(house, visit) is EndedBy.SILENCE


async def test_with_the_database_away_the_running_call_goes_on(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        before(database_url) as (door, through),
        house.running(house.settings(through)),
    ):
        patient, professional = await house.together(visit)
        await until(lambda: _said(house, visit, 1))
        await door.shut()

        await patient.say(type="signal", to=visit.professional, candidate=a_candidate())
        assert (await professional.until("signal"))["candidate"] == a_candidate()
        await patient.lose()
        again = await house.patient(visit)
        assert (await again.hello(resume=patient.resume_of()))["resumed"]
        reloaded = await house.patient(visit)
        assert not (await reloaded.hello())["resumed"]
        await reloaded.say(type="leave")
        assert (await professional.until("ended"))["by"] == "patient"

        await door.open()
        await until(lambda: _said(house, visit, 2))
    assert await house.topics(visit) == ["call.started", "call.ended"]
    assert await _ended_by(house, visit) is EndedBy.PATIENT


async def test_with_the_database_away_only_a_signed_admission_opens(
    house: House, visit: Visit, database_url: str
) -> None:
    other = Visit()
    await house.admit(other)
    async with (
        before(database_url) as (door, through),
        house.running(house.settings(through)),
    ):
        await door.shut()
        unsigned = await house.patient(other)
        await unsigned.say(type="hello")
        assert await unsigned.refusal() == ("unavailable", "reconnect", 1013)

        patient = await house.patient(visit)
        await patient.hello(house.signed(visit, visit.patient, "patient"))
        professional = await house.professional(visit)
        word = house.signed(visit, visit.professional, "professional")
        assert (await professional.hello(word))["started_at"] is not None

        await door.open()
        await until(lambda: _said(house, visit, 1))
        await house.cancel(visit)
        assert (await patient.refusal())[0] == "appointment_cancelled"


async def test_what_was_missed_while_the_database_was_away_is_made_up_for(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        before(database_url) as (door, through),
        house.running(house.settings(through)),
    ):
        pages = await house.together(visit)
        await door.shut()
        await house.cancel(visit)
        await door.open()
        for page in pages:
            assert (await page.refusal())[0] == "appointment_cancelled"
