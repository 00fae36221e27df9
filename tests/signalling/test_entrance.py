"""Who comes in, and who does not."""

from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest

from chassis.clock import now
from chassis.sessions import Admission
from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from tests.keys import signing_key
from tests.signalling.pages import House, Visit

REFUSED = ("not_admitted", "stop", 4403)
NO_SESSION = ("no_session", "stop", 4401)


async def test_who_is_not_yet_admitted_waits_and_comes_in_with_the_event(
    open_house: House, visit: Visit
) -> None:
    patient = await open_house.patient(visit)
    await patient.say(type="hello")
    assert await patient.hear() == {"seq": 0, "type": "waiting"}
    await open_house.admit(visit)
    assert (await patient.hear())["type"] == "welcome"


async def test_who_waits_in_vain_is_told_so(open_house: House, visit: Visit) -> None:
    patient = await open_house.patient(visit)
    await patient.say(type="hello", admission=None, resume=None)
    assert (await patient.hear())["type"] == "waiting"
    assert await patient.refusal() == REFUSED


async def test_a_signed_admission_opens_before_the_event(
    open_house: House, visit: Visit
) -> None:
    patient = await open_house.patient(visit)
    word = open_house.signed(visit, visit.patient, "patient")
    assert (await patient.hello(word))["seq"] == 1
    professional = await open_house.professional(visit)
    word = open_house.signed(visit, visit.professional, "professional")
    assert len((await professional.hello(word))["members"]) == 2


async def test_a_signed_admission_opens_for_the_one_it_names_only(
    open_house: House, visit: Visit
) -> None:
    stranger = str(uuid4())
    words = [
        open_house.signed(visit, visit.patient, "patient"),
        open_house.signed(visit, stranger, "guardian"),
        open_house.signed(Visit(), stranger, "patient"),
        open_house.signed(visit, stranger, "patient", open_house.identity),
        open_house.signed(visit, stranger, "patient", signing_key(now)),
        open_house.visit_cookie(visit.appointment, stranger, "patient"),
        "not.a.token",
    ]
    pages = [await open_house.guest(visit, stranger, "patient") for _ in words]
    for page, word in zip(pages, words, strict=True):
        await page.say(type="hello", admission=word)
    assert [await page.refusal() for page in pages] == [REFUSED] * len(words)


async def test_an_old_signed_admission_opens_nothing(
    open_house: House, visit: Visit
) -> None:
    old = Admission(
        sub=visit.patient,
        exp=now() - timedelta(seconds=1),
        appointment=visit.appointment,
        role="patient",
    )
    patient = await open_house.patient(visit)
    await patient.say(type="hello", admission=open_house.lobby.sign(old))
    assert await patient.refusal() == REFUSED


async def test_a_signed_admission_does_not_undo_a_later_return(
    open_house: House, visit: Visit
) -> None:
    word = open_house.signed(visit, visit.patient, "patient")
    await open_house.take_back(visit, at=now() + timedelta(seconds=1))
    patient = await open_house.patient(visit)
    await patient.say(type="hello", admission=word)
    assert await patient.refusal() == REFUSED


async def test_who_is_sent_back_is_shown_out_at_once_and_the_call_goes_on(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await open_house.take_back(visit)
    assert await patient.refusal() == REFUSED
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "left")

    await open_house.admit(visit)
    await (await open_house.patient(visit)).hello()
    await professional.until("joined")
    await professional.say(type="leave", for_everyone=True)
    assert (await professional.until("ended"))["by"] == "professional"


async def test_of_two_words_the_later_counts_in_whatever_order_they_come(
    open_house: House, visit: Visit
) -> None:
    """The two topics have no common order: here the return is heard first."""
    await open_house.take_back(visit, at=now() + timedelta(seconds=60))
    await open_house.admit(visit)
    patient = await open_house.patient(visit)
    await patient.say(type="hello")
    assert await patient.refusal() == REFUSED


async def test_a_stranger_is_refused(open_house: House, visit: Visit) -> None:
    await open_house.admit(visit)
    stranger = await open_house.guest(visit, str(uuid4()), "patient")
    await stranger.say(type="hello")
    assert await stranger.refusal() == REFUSED


async def test_a_professional_of_another_unit_is_refused(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit)
    other = await open_house.professional(visit, staff="p-of-another-unit")
    await other.say(type="hello")
    assert await other.refusal() == REFUSED


async def test_a_session_of_another_appointment_is_none(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit)
    cookie = open_house.visit_cookie(Visit().appointment, visit.patient, "patient")
    page = await open_house.connect(visit.appointment, {VISIT_COOKIE: cookie}, "visit")
    assert await page.refusal() == NO_SESSION


async def test_a_patient_does_not_pass_for_a_professional(
    open_house: House, visit: Visit
) -> None:
    as_patient = open_house.visit_cookie(visit.appointment, visit.patient, "patient")
    raised = open_house.visit_cookie(
        visit.appointment, visit.professional, "professional"
    )
    for cookies, speaks in (
        ({STAFF_COOKIE: as_patient}, "staff"),
        ({VISIT_COOKIE: as_patient}, "staff"),
        ({VISIT_COOKIE: raised}, "visit"),
        ({VISIT_COOKIE: as_patient}, ""),
        ({}, "visit"),
    ):
        page = await open_house.connect(visit.appointment, cookies, speaks)
        assert await page.refusal() == NO_SESSION


async def test_the_cookie_that_as_names_is_the_one_that_speaks(
    open_house: House, visit: Visit
) -> None:
    """A professional who is also a patient has both in one browser."""
    await open_house.admit(visit)
    cookies = {
        VISIT_COOKIE: open_house.visit_cookie(
            visit.appointment, visit.patient, "patient"
        ),
        STAFF_COOKIE: open_house.staff_cookie(visit.professional),
    }
    for speaks, who in (("visit", visit.patient), ("staff", visit.professional)):
        page = await open_house.connect(visit.appointment, cookies, speaks)
        assert (await page.hello())["you"] == who


async def test_another_origin_is_refused_before_the_upgrade(
    open_house: House, visit: Visit
) -> None:
    for origin in ("https://elsewhere.example.fi", "null", ""):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await open_house.connect(visit.appointment, {}, "visit", origin)
        assert refused.value.status == 403


async def test_a_cancelled_appointment_is_closed_to_everybody(
    open_house: House, visit: Visit
) -> None:
    await open_house.cancel(visit)
    await open_house.admit(visit)
    patient = await open_house.patient(visit)
    word = open_house.signed(visit, visit.patient, "patient")
    await patient.say(type="hello", admission=word)
    assert await patient.refusal() == ("appointment_cancelled", "stop", 4410)


async def test_a_cancellation_reaches_who_waits_for_an_admission(
    open_house: House, visit: Visit
) -> None:
    patient = await open_house.patient(visit)
    await patient.say(type="hello")
    await patient.until("waiting")
    await open_house.cancel(visit)
    assert (await patient.refusal())[0] == "appointment_cancelled"


async def test_too_many_handshakes_are_answered_before_the_upgrade(
    house: House, visit: Visit, database_url: str
) -> None:
    settings = house.settings(
        database_url, handshakes_per_second=0.001, handshakes_burst=2
    )
    async with house.running(settings):
        for _ in range(2):
            await house.connect(visit.appointment, {}, "visit")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await house.connect(visit.appointment, {}, "visit")
    assert refused.value.status == 429
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) > 0
