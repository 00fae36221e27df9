"""A lost socket is not a lost call."""

from itertools import pairwise

from tests.signalling.pages import House, Visit, a_candidate


async def test_a_resume_brings_exactly_what_was_missed(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    seen = patient.seen
    await patient.lose()
    lost = await professional.until("gone")
    assert (lost["member"], lost["reason"]) == (visit.patient, "lost")
    for number in range(5):
        await professional.say(
            type="signal", to=visit.patient, candidate=a_candidate(number)
        )
    await professional.say(type="media", microphone=False, camera=False)
    await professional.say(type="ice")
    await professional.until("ice")

    again = await open_house.patient(visit)
    resume = patient.resume_of()
    await again.say(type="hello", admission=None, resume=resume)
    heard = [await again.hear() for _ in range(7)]
    assert [each["candidate"] for each in heard[:5]] == [
        a_candidate(number) for number in range(5)
    ]
    assert heard[5]["type"] == "media"
    welcome = heard[6]
    assert welcome["resumed"]
    assert welcome["session"] == patient.session
    assert heard[0]["seq"] == seen + 1
    assert all(b["seq"] == a["seq"] + 1 for a, b in pairwise(heard))
    assert (await professional.until("joined"))["member"]["member"] == visit.patient


async def test_what_was_acknowledged_is_not_said_again(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    for number in range(3):
        await professional.say(
            type="signal", to=visit.patient, candidate=a_candidate(number)
        )
    heard = [await patient.until("signal") for _ in range(3)]
    await patient.say(type="seen", seq=heard[1]["seq"])
    await patient.say(type="ice")
    await patient.until("ice")
    await patient.lose()
    again = await open_house.patient(visit)
    await again.say(type="hello", resume=patient.resume_of(heard[1]["seq"]))
    assert (await again.hear())["candidate"] == a_candidate(2)
    assert (await again.hear())["type"] == "ice"
    assert (await again.hear())["resumed"]


async def test_a_page_may_resume_before_its_old_socket_is_seen_to_be_dead(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    again = await open_house.patient(visit)
    assert (await again.hello(resume=patient.resume_of()))["resumed"]
    assert await patient.close_code() == 1000
    await professional.say(type="signal", to=visit.patient, candidate=a_candidate())
    assert (await again.until("signal"))["candidate"] == a_candidate()


async def test_an_unknown_session_is_begun_anew(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await patient.lose()
    await professional.until("gone")
    for resume in (
        {"session": "unheard-of", "seen": 1},
        {"session": professional.session, "seen": 1},
    ):
        again = await open_house.patient(visit)
        welcome = await again.hello(resume=resume)
        assert not welcome["resumed"]
        assert welcome["seq"] == 1
        assert welcome["session"] not in (patient.session, professional.session)


async def test_a_session_is_begun_anew_when_more_was_missed_than_is_kept(
    house: House, visit: Visit, database_url: str
) -> None:
    async with house.running(house.settings(database_url, replay_frames=3)):
        patient, professional = await house.together(visit)
        resume = patient.resume_of()
        await patient.lose()
        await professional.until("gone")
        for number in range(4):
            await professional.say(
                type="signal", to=visit.patient, candidate=a_candidate(number)
            )
        await professional.say(type="ice")
        await professional.until("ice")
        again = await house.patient(visit)
        assert not (await again.hello(resume=resume))["resumed"]


async def test_who_does_not_come_back_has_left(
    house: House, visit: Visit, database_url: str
) -> None:
    async with house.running(house.settings(database_url, resume_seconds=0.2)):
        patient, professional = await house.together(visit)
        resume = patient.resume_of()
        await patient.lose()
        assert (await professional.until("gone"))["reason"] == "lost"
        assert (await professional.until("gone"))["reason"] == "expired"
        again = await house.patient(visit)
        assert not (await again.hello(resume=resume))["resumed"]


async def test_the_same_person_elsewhere_replaces_the_first(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    elsewhere = await open_house.patient(visit)
    welcome = await elsewhere.hello()
    assert await patient.refusal() == ("replaced", "stop", 4409)
    assert len(welcome["members"]) == 2
    assert (await professional.until("joined"))["member"]["member"] == visit.patient
    await professional.say(type="signal", to=visit.patient, candidate=a_candidate())
    assert (await elsewhere.until("signal"))["candidate"] == a_candidate()


async def test_who_was_replaced_cannot_resume(open_house: House, visit: Visit) -> None:
    patient, _ = await open_house.together(visit)
    await (await open_house.patient(visit)).hello()
    again = await open_house.patient(visit)
    assert not (await again.hello(resume=patient.resume_of()))["resumed"]


async def test_who_was_sent_back_cannot_resume(open_house: House, visit: Visit) -> None:
    patient, professional = await open_house.together(visit)
    resume = patient.resume_of()
    await patient.lose()
    await professional.until("gone")
    await open_house.take_back(visit)
    await professional.until("gone")
    again = await open_house.patient(visit)
    await again.say(type="hello", resume=resume)
    assert (await again.refusal())[0] == "not_admitted"
