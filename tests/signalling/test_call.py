"""Two people find each other, and everything they say arrives in order."""

import base64
import hashlib
import hmac
from itertools import pairwise
from uuid import uuid4

import pytest

from chassis.clock import now
from contract.signalling import CallEnded, CallStarted, EndedBy
from tests.chassis.kafka import until
from tests.signalling.pages import (
    House,
    HungUp,
    Page,
    Visit,
    a_candidate,
    a_description,
)


async def test_two_members_find_each_other(open_house: House, visit: Visit) -> None:
    await open_house.admit(visit)
    patient = await open_house.patient(visit)
    welcome = await patient.hello()
    assert welcome["you"] == visit.patient
    assert welcome["protocol"] == 1
    assert not welcome["resumed"]
    assert [each["member"] for each in welcome["members"]] == [visit.patient]
    assert welcome["started_at"] is None

    professional = await open_house.professional(visit)
    theirs = await professional.hello()
    manners = {each["member"]: each["polite"] for each in theirs["members"]}
    assert manners == {visit.patient: True, visit.professional: False}
    joined = await patient.until("joined")
    assert joined["member"]["member"] == visit.professional
    assert joined["member"]["role"] == "professional"
    assert joined["started_at"] == theirs["started_at"] is not None


async def test_a_negotiation_is_relayed_with_nothing_lost(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await professional.say(
        type="signal", to=visit.patient, description=a_description("v=0 one")
    )
    offer = await patient.until("signal")
    assert offer["from"] == visit.professional
    assert offer["description"] == a_description("v=0 one")
    assert offer["candidate"] is None

    await patient.say(
        type="signal", to=visit.professional, description=a_description(kind="answer")
    )
    await patient.say(
        type="signal", to=visit.professional, description=None, candidate=a_candidate()
    )
    assert (await professional.until("signal"))["description"]["type"] == "answer"
    assert (await professional.until("signal"))["candidate"] == a_candidate()


async def test_frames_keep_their_order_and_are_numbered_without_a_gap(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    for number in range(90):
        await professional.say(
            type="signal", to=visit.patient, candidate=a_candidate(number)
        )
    heard = [await patient.until("signal") for _ in range(90)]
    assert [each["candidate"] for each in heard] == [a_candidate(n) for n in range(90)]
    assert all(b["seq"] == a["seq"] + 1 for a, b in pairwise(heard))


async def test_a_signal_arrives_with_the_names_of_both_connections(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    said = {
        "connection": "p-1",
        "meant_for": "h-1",
        "round": 2,
        "description": None,
        "candidate": None,
        "ask": "restart",
    }
    await patient.say(type="signal", to=visit.professional, **said)
    heard = await professional.until("signal")
    assert {name: heard[name] for name in said} == said
    assert heard["from"] == visit.patient


async def test_a_signal_reaches_nobody_outside_the_room(
    open_house: House, visit: Visit
) -> None:
    other = Visit(professional=visit.professional)
    patient, _ = await open_house.together(visit)
    outsider, _ = await open_house.together(other)
    await patient.say(type="signal", to=other.patient, candidate=a_candidate())
    await patient.say(type="ice")
    await patient.until("ice")
    await outsider.say(type="ice")
    assert (await outsider.hear())["type"] == "ice"


async def test_media_states_are_shown_to_the_others_and_to_who_comes_later(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit)
    patient = await open_house.patient(visit)
    await patient.hello()
    await patient.say(type="media", microphone=False, camera=True)
    await patient.say(type="ice")
    await patient.until("ice")
    professional = await open_house.professional(visit)
    members = (await professional.hello())["members"]
    media = {each["member"]: each["media"] for each in members}
    assert media[visit.patient] == {"microphone": False, "camera": True}

    await patient.say(type="media", microphone=True, camera=False)
    shown = await professional.until("media")
    assert (shown["member"], shown["microphone"], shown["camera"]) == (
        visit.patient,
        True,
        False,
    )


async def test_turn_credentials_are_those_that_coturn_expects(
    open_house: House, visit: Visit
) -> None:
    patient, _ = await open_house.together(visit)
    await patient.say(type="ice")
    stun, turn = (await patient.until("ice"))["ice_servers"]
    assert stun == {"urls": ["stun:turn.example.fi:3478"]}
    assert turn["urls"] == [
        "turn:turn.example.fi:3478",
        "turns:turn.example.fi:443",
    ]
    made = hmac.new(b"not-a-secret", turn["username"].encode(), hashlib.sha1)
    assert turn["credential"] == base64.b64encode(made.digest()).decode()
    expiry, _, pseudonym = turn["username"].partition(":")
    assert int(expiry) > now().timestamp()
    assert visit.patient not in pseudonym


async def test_a_call_starts_once_however_many_come(
    open_house: House, visit: Visit
) -> None:
    _, professional = await open_house.together(visit)
    await _admitted_guardian(open_house, visit)
    await professional.say(type="leave", for_everyone=True)
    await until(lambda: _has_said(open_house, visit, 2))
    started, ended = await open_house.said(visit)
    assert isinstance(started, CallStarted)
    assert isinstance(ended, CallEnded)
    assert ended.seconds == round((ended.at - started.at).total_seconds())


async def test_a_professional_ends_the_call_for_everyone(
    open_house: House, visit: Visit
) -> None:
    pages = await open_house.together(visit)
    await pages[1].say(type="leave", for_everyone=True)
    for page in pages:
        ended = await page.until("ended")
        assert ended["by"] == "professional"
        assert ended["seconds"] >= 0
        assert await page.close_code() == 1000
    await until(lambda: _has_said(open_house, visit, 2))
    _, said = await open_house.said(visit)
    assert isinstance(said, CallEnded)
    assert said.ended_by is EndedBy.PROFESSIONAL


async def test_the_call_ends_when_the_patient_leaves(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await patient.say(type="leave")
    assert (await professional.until("ended"))["by"] == "patient"
    assert await professional.close_code() == 1000
    await until(lambda: _has_said(open_house, visit, 2))


async def test_the_call_goes_on_while_a_guardian_or_the_patient_stays(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    guardian = await _admitted_guardian(open_house, visit)
    await patient.say(type="leave")
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "left")
    await guardian.say(type="leave")
    assert (await professional.until("ended"))["by"] == "guardian"


async def test_a_professional_who_leaves_alone_may_come_back(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await professional.say(type="leave", for_everyone=False)
    assert await professional.close_code() == 1000
    assert (await patient.until("gone"))["reason"] == "left"
    again = await open_house.professional(visit)
    assert (await again.hello())["started_at"] is not None
    await patient.until("joined")
    await again.say(type="leave", for_everyone=True)
    await until(lambda: _has_said(open_house, visit, 2))
    assert await open_house.topics(visit) == ["call.started", "call.ended"]


async def test_only_a_professional_ends_the_call_for_everyone(
    open_house: House, visit: Visit
) -> None:
    patient, _ = await open_house.together(visit)
    await patient.say(type="leave", for_everyone=True)
    assert await patient.refusal() == ("bad_frame", "reconnect", 4400)


async def test_a_call_that_was_ended_before_it_began_is_said_to_have_ended(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit)
    professional = await open_house.professional(visit)
    await professional.hello()
    await professional.say(type="leave", for_everyone=True)
    assert (await professional.until("ended"))["seconds"] == 0
    await until(lambda: _has_said(open_house, visit, 1))
    (ended,) = await open_house.said(visit)
    assert isinstance(ended, CallEnded)
    assert ended.seconds is None


async def test_after_the_end_only_a_new_admission_opens_the_door(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await professional.say(type="leave", for_everyone=True)
    await patient.until("ended")
    await until(lambda: _has_said(open_house, visit, 2))
    late = await open_house.patient(visit)
    await late.say(type="hello")
    assert await late.refusal() == ("call_over", "stop", 4411)

    await open_house.admit(visit)
    patient = await open_house.patient(visit)
    await patient.hello()
    professional = await open_house.professional(visit)
    await professional.hello()
    await patient.say(type="leave")
    await until(lambda: _has_said(open_house, visit, 4))
    assert await open_house.topics(visit) == ["call.started", "call.ended"] * 2


async def test_a_hung_up_socket_says_nothing_more(
    open_house: House, visit: Visit
) -> None:
    patient, _ = await open_house.together(visit)
    await patient.say(type="leave")
    await patient.close_code()
    with pytest.raises(HungUp):
        await patient.hear()


async def _admitted_guardian(house: House, visit: Visit) -> Page:
    person = str(uuid4())
    await house.admit(visit, person)
    guardian = await house.guest(visit, person, "guardian")
    await guardian.hello()
    return guardian


async def _has_said(house: House, visit: Visit, events: int) -> bool:
    return len(await house.topics(visit)) >= events
