"""The ends of one call on any instances talk as on one."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from contract.signalling import CallEnded, EndedBy
from tests.chassis.kafka import until
from tests.chassis.proxy import before
from tests.signalling.pages import (
    Frame,
    House,
    Page,
    Visit,
    a_candidate,
    a_description,
)

LONG = "v=0\r\n" + "a=candidate:1 1 udp 2122260223 192.0.2.7 54321 typ host\r\n" * 360


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def instances(house: House, database_url: str) -> AsyncIterator[list[House]]:
    """Three of them over one database."""
    async with house.instances(database_url, 3, waiting_seconds=1) as made:
        yield made


async def apart(visit: Visit, one: House, other: House) -> tuple[Page, Page]:
    """The patient on one instance and the professional on another, both in."""
    await one.admit(visit)
    patient = await one.patient(visit)
    await patient.hello()
    professional = await other.professional(visit)
    welcome = await professional.hello()
    await meet(professional, welcome, visit.patient)
    await patient.until("joined")
    return patient, professional


async def heard_until(page: Page, kind: str) -> list[Frame]:
    """All frames up to one of this type."""
    heard = [await page.hear()]
    while heard[-1]["type"] != kind:
        heard.append(await page.hear())
    return heard


def names(welcome: Frame) -> set[str]:
    return {each["member"] for each in welcome["members"]}


async def says(page: Page, to: str, text: str) -> None:
    await page.say(type="signal", to=to, description=a_description(text))


async def hears(page: Page, sender: str, text: str) -> None:
    heard = await page.until("signal")
    assert (heard["from"], heard["description"]["sdp"]) == (sender, text)


async def meet(page: Page, welcome: Frame, other: str) -> None:
    """By the welcome, or a moment later when both came at once."""
    if other not in names(welcome):
        assert (await page.until("joined"))["member"]["member"] == other


async def is_started(house: House, visit: Visit) -> bool:
    return await house.topics(visit) == ["call.started"]


async def ended_by(house: House, visit: Visit) -> EndedBy | None:
    async def is_written() -> bool:
        return "call.ended" in await house.topics(visit)

    await until(is_written)
    assert await house.topics(visit) == ["call.started", "call.ended"]
    _, ended = await house.said(visit)
    assert isinstance(ended, CallEnded)
    return ended.ended_by


async def test_who_comes_in_elsewhere_is_named_and_told_of(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    third = await instances[2].professional(visit)
    welcome = await third.hello()
    assert names(welcome) == {visit.patient, visit.professional}
    assert welcome["started_at"] is not None
    assert await professional.refusal() == ("replaced", "stop", 4409)
    joined = await patient.until("joined")
    assert joined["member"]["member"] == visit.professional
    assert joined["member"]["polite"] is False
    assert joined["started_at"] is not None
    await until(lambda: is_started(instances[0], visit))


async def test_two_who_come_in_at_the_same_moment_meet_and_start_one_call(
    instances: list[House],
) -> None:
    for number in range(10):
        visit = Visit()
        await instances[0].admit(visit)
        patient = await instances[0].patient(visit)
        professional = await instances[1].professional(visit)
        welcomes = await asyncio.gather(patient.hello(), professional.hello())
        await meet(patient, welcomes[0], visit.professional)
        if number % 2:
            await meet(professional, welcomes[1], visit.patient)
        await patient.say(type="leave")
        await professional.until("ended")
        assert await ended_by(instances[2], visit) is EndedBy.PATIENT


async def test_signals_go_both_ways_in_order_and_whole(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    assert len(LONG) > 20_000
    both = (
        (patient, visit.patient, professional, visit.professional),
        (professional, visit.professional, patient, visit.patient),
    )
    for speaker, _, _, to in both:
        await says(speaker, to, LONG)
        for number in range(60):
            await speaker.say(type="signal", to=to, candidate=a_candidate(number))
        await says(speaker, to, "the last")
    for _, sender, hearer, _ in both:
        await hears(hearer, sender, LONG)
        heard = [await hearer.until("signal") for _ in range(60)]
        assert [each["candidate"] for each in heard] == [
            a_candidate(number) for number in range(60)
        ]
        await hears(hearer, sender, "the last")


async def test_nobody_hears_from_a_member_of_whom_they_were_not_told(
    instances: list[House],
) -> None:
    for _ in range(10):
        visit = Visit()
        one, other, _ = instances
        await one.admit(visit)
        patient = await one.patient(visit)
        await patient.hello()
        professional = await other.professional(visit)
        await meet(professional, await professional.hello(), visit.patient)
        await says(professional, visit.patient, "at once")
        heard = await heard_until(patient, "signal")
        assert [each["type"] for each in heard] == ["joined", "signal"]
        await asyncio.gather(patient.lose(), professional.lose())


async def test_what_is_on_is_shown_elsewhere_also_to_who_comes_later(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    await patient.say(type="media", microphone=True, camera=False)
    shown = await professional.until("media")
    assert (shown["member"], shown["microphone"], shown["camera"]) == (
        visit.patient,
        True,
        False,
    )
    await professional.lose()
    again = await instances[2].professional(visit)
    welcome = await again.hello()
    media = {each["member"]: each["media"] for each in welcome["members"]}
    assert media[visit.patient] == {"microphone": True, "camera": False}


async def test_a_patient_who_leaves_ends_the_call_everywhere(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    await patient.say(type="leave")
    assert (await patient.until("ended"))["by"] == "patient"
    assert (await professional.until("ended"))["by"] == "patient"
    assert await ended_by(instances[0], visit) is EndedBy.PATIENT


async def test_a_professional_ends_the_call_for_everyone_everywhere(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    await professional.say(type="leave", for_everyone=True)
    assert (await patient.until("ended"))["by"] == "professional"
    assert await patient.close_code() == 1000
    assert await ended_by(instances[0], visit) is EndedBy.PROFESSIONAL


async def test_a_professional_who_leaves_a_patient_elsewhere_ends_nothing(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    await professional.say(type="leave")
    assert await professional.close_code() == 1000
    gone = await patient.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.professional, "left")
    again = await instances[2].professional(visit)
    assert names(await again.hello()) == {visit.patient, visit.professional}
    assert (await patient.until("joined"))["member"]["member"] == visit.professional
    await patient.say(type="leave")
    assert (await again.until("ended"))["by"] == "patient"
    assert await ended_by(instances[0], visit) is EndedBy.PATIENT


async def test_a_guardian_elsewhere_keeps_the_call_that_the_patient_leaves(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    guardian_id = str(Visit().patient)
    await instances[2].admit(visit, guardian_id)
    guardian = await instances[2].guest(visit, guardian_id, "guardian")
    assert len(names(await guardian.hello())) == 3
    for page in (patient, professional):
        assert (await page.until("joined"))["member"]["member"] == guardian_id
    await patient.say(type="leave")
    assert await patient.close_code() == 1000
    for page in (guardian, professional):
        assert (await page.until("gone"))["reason"] == "left"
    await guardian.say(type="leave")
    assert (await professional.until("ended"))["by"] == "guardian"


async def test_who_is_sent_back_is_gone_for_those_elsewhere(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    await instances[2].take_back(visit)
    assert (await patient.refusal())[0] == "not_admitted"
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "left")


async def test_a_cancellation_is_for_everybody_everywhere(
    instances: list[House], visit: Visit
) -> None:
    pages = await apart(visit, *instances[:2])
    await instances[2].cancel(visit)
    for page in pages:
        assert (await page.refusal())[0] == "appointment_cancelled"


async def test_who_opens_the_call_on_another_instance_is_replaced_on_the_first(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    elsewhere = await instances[2].patient(visit)
    welcome = await elsewhere.hello(resume=patient.resume_of())
    assert not welcome["resumed"]
    assert names(welcome) == {visit.patient, visit.professional}
    assert await patient.refusal() == ("replaced", "stop", 4409)
    heard = await heard_until(professional, "joined")
    assert [each["type"] for each in heard] == ["joined"]
    await says(professional, visit.patient, "to the new page")
    await hears(elsewhere, visit.professional, "to the new page")
    await says(elsewhere, visit.professional, "from the new page")
    await hears(professional, visit.patient, "from the new page")


async def test_one_person_to_and_fro_is_in_by_the_page_that_came_last(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    for number in range(9):
        here = await instances[number % 3].patient(visit)
        await here.hello()
        assert (await patient.refusal())[0] == "replaced"
        patient = here
        await says(patient, visit.professional, str(number))
        heard = await heard_until(professional, "signal")
        assert {each["type"] for each in heard} <= {"joined", "signal"}
        assert heard[-1]["description"]["sdp"] == str(number)
        await says(professional, visit.patient, f"{number} too")
        await hears(patient, visit.professional, f"{number} too")


async def test_a_network_that_changed_brings_one_back_elsewhere_unnoticed(
    instances: list[House], visit: Visit
) -> None:
    """The first instance still takes the old socket for alive."""
    patient, professional = await apart(visit, *instances[:2])
    again = await instances[2].patient(visit)
    await again.hello(resume=patient.resume_of())
    heard = [await professional.hear()]
    await patient.lose()  # seen late
    await says(again, visit.professional, "here again")
    heard += await heard_until(professional, "signal")
    assert [each["type"] for each in heard] == ["joined", "signal"]
    await professional.say(type="ice")
    assert [each["type"] for each in await heard_until(professional, "ice")] == ["ice"]


async def test_who_is_lost_is_lost_elsewhere_and_may_resume(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    await patient.lose()
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "lost")
    await says(professional, visit.patient, "meanwhile")
    again = await instances[0].patient(visit)
    await again.say(type="hello", resume=patient.resume_of())
    heard = await heard_until(again, "welcome")
    resumed = heard[-1]["resumed"]
    said = [each for each in heard if each["type"] == "signal"]
    if not said:
        said = [await again.until("signal")]
    assert resumed
    assert said[0]["description"]["sdp"] == "meanwhile"
    assert (await professional.until("joined"))["member"]["member"] == visit.patient


async def test_who_does_not_come_back_expires_elsewhere_too(
    house: House, visit: Visit, database_url: str
) -> None:
    async with house.instances(database_url, 2, resume_seconds=0.3) as instances:
        patient, professional = await apart(visit, *instances)
        await patient.lose()
        assert (await professional.until("gone"))["reason"] == "lost"
        assert (await professional.until("gone"))["reason"] == "expired"
        again = await instances[1].patient(visit)
        assert names(await again.hello()) == {visit.patient, visit.professional}


async def test_four_people_on_three_instances(
    instances: list[House], visit: Visit
) -> None:
    patient, professional = await apart(visit, *instances[:2])
    others = [(str(Visit().patient), "guardian"), (str(Visit().patient), "interpreter")]
    pages = {visit.patient: patient, visit.professional: professional}
    for (person, role), instance in zip(others, instances[1:], strict=True):
        await instance.admit(visit, person)
        page = await instance.guest(visit, person, role)
        assert names(await page.hello()) == {*pages, person}
        for each in pages.values():
            assert (await each.until("joined"))["member"]["member"] == person
        pages[person] = page
    for sender, speaker in pages.items():
        for to, hearer in pages.items():
            if to != sender:
                await says(speaker, to, f"{sender} to {to}")
                await hears(hearer, sender, f"{sender} to {to}")
    await professional.say(type="leave", for_everyone=True)
    for page in pages.values():
        assert (await page.until("ended"))["by"] == "professional"
    assert await ended_by(instances[0], visit) is EndedBy.PROFESSIONAL


async def test_with_the_database_away_signals_wait_and_then_come_in_order(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        before(database_url) as (door, through),
        house.instances(through, 2) as instances,
    ):
        patient, professional = await apart(visit, *instances)
        await door.shut()
        for number in range(5):
            await says(patient, visit.professional, f"{number} {LONG}")
        await patient.say(type="media", microphone=False, camera=True)
        await patient.say(type="ice")
        await patient.until("ice")
        await door.open()
        heard = [await professional.hear() for _ in range(6)]
        said = [each for each in heard if each["type"] == "signal"]
        assert [each["description"]["sdp"] for each in said] == [
            f"{number} {LONG}" for number in range(5)
        ]
        (shown,) = (each for each in heard if each["type"] == "media")
        assert shown["microphone"] is False


async def test_two_who_came_while_the_database_was_away_meet_when_it_is_back(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        before(database_url) as (door, through),
        house.instances(through, 2) as instances,
    ):
        await door.shut()
        patient = await instances[0].patient(visit)
        word = house.signed(visit, visit.patient, "patient")
        assert names(await patient.hello(word)) == {visit.patient}
        professional = await instances[1].professional(visit)
        word = house.signed(visit, visit.professional, "professional")
        assert names(await professional.hello(word)) == {visit.professional}
        await house.admit(visit)
        await door.open()
        for page, other in (
            (patient, visit.professional),
            (professional, visit.patient),
        ):
            assert (await page.until("joined"))["member"]["member"] == other
        await patient.say(type="leave")
        await professional.until("ended")
    assert await ended_by(house, visit) is EndedBy.PATIENT


async def test_who_moved_while_the_database_was_away_is_in_by_the_last_page(
    house: House, visit: Visit, database_url: str
) -> None:
    """Also when the older page's instance is the last to be heard."""
    async with (
        before(database_url) as (first_door, first),
        before(database_url) as (second_door, second),
        house.instances(first, 1) as one,
        house.instances(second, 1) as other,
    ):
        patient, professional = await apart(visit, one[0], other[0])
        await asyncio.gather(first_door.shut(), second_door.shut())
        word = house.signed(visit, visit.patient, "patient")
        old = await one[0].patient(visit)
        await old.hello(word)
        new = await other[0].patient(visit)
        assert len(names(await new.hello(word))) == 2
        await second_door.open()
        await until(lambda: _is_at(house, visit, 2))
        await first_door.open()
        assert (await old.refusal())[0] == "replaced"
        await says(professional, visit.patient, "to the last page")
        await hears(new, visit.professional, "to the last page")
        assert (await patient.refusal())[0] == "replaced"


async def _is_at(house: House, visit: Visit, instances: int) -> bool:
    """Whether the latest hello of the patient's is written."""
    async with house.database.reading() as tx:
        latest = await tx.fetchval(
            """
            SELECT count(DISTINCT instance) FROM presence
             WHERE appointment_id = $1
            """,
            visit.appointment,
        )
    return bool(latest == instances - 1)


async def test_the_call_goes_on_when_one_who_was_lost_comes_back_on_another_instance(
    instances: list[House], visit: Visit
) -> None:
    await instances[0].admit(visit)
    professional = await instances[1].professional(visit)
    await professional.hello()
    patient = await instances[0].patient(visit)
    await patient.hello()
    await professional.until("joined")
    await until(lambda: is_started(instances[0], visit))
    await patient.lose()
    await professional.until("gone")
    again = await instances[2].patient(visit)
    welcome = await again.hello()
    assert not welcome["resumed"]
    assert welcome["started_at"] is not None
    heard = await heard_until(professional, "joined")
    assert [each["type"] for each in heard] == ["joined"]
    assert await instances[0].topics(visit) == ["call.started"]
