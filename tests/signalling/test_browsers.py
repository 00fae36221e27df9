"""Browsers find each other by one offer and one answer, whatever happens to what they say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from chassis.clock import now
from tests import servers
from tests.signalling.browsers import (
    BOTH,
    GUARD,
    LOOK_EVERY,
    Call,
    Disturbance,
    Someone,
    a_call,
)
from tests.signalling.pages import Frame, House, Visit

MISSING = [
    (BOTH, ("video",)),
    (BOTH, ("audio",)),
    (BOTH, ()),
    (("video",), BOTH),
    (("audio",), BOTH),
    ((), BOTH),
    (("audio",), ("audio",)),
    (("video",), ("audio",)),
    ((), ()),
]
STILL = 1.5  # seconds in which a call that goes on negotiating says dozens of frames


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with servers.browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def call(
    open_house: House, browser: Browser, visit: Visit
) -> AsyncIterator[Call]:
    async with a_call(open_house, browser, visit) as call:
        yield call


async def _meet(*people: Someone) -> None:
    """Each of them hears and sees each other."""
    await asyncio.gather(
        *(one.receives(other) for one, other in permutations(people, 2))
    )


async def _enter(*people: Someone) -> None:
    for each in people:
        await each.enter()


async def _one_each(call: Call, *people: Someone) -> None:
    """One offer and one answer a pair, one connection to each other, then silence."""
    await asyncio.sleep(STILL)
    pairs = len(people) * (len(people) - 1) // 2
    assert (call.wire.offers, call.wire.answers) == (pairs, pairs)
    made = [await each.connections() for each in people]
    assert made == [len(people) - 1] * len(people)


async def _is_wired(who: Someone) -> None:
    await who.page.wait_for_function("window.room.wired", timeout=GUARD * 1000)


async def _hellos(call: Call, number: int) -> None:
    for _ in range(round(GUARD / LOOK_EVERY)):
        if call.wire.hellos >= number:
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(call.wire.hellos)


@pytest.mark.parametrize("first", ["patient", "professional", "at once"])
async def test_two_meet_by_one_offer_and_one_answer(call: Call, first: str) -> None:
    patient, professional = await call.patient(), await call.professional()
    if first == "patient":
        await _enter(patient, professional)
    elif first == "professional":
        await _enter(professional, patient)
    else:
        await asyncio.gather(patient.enter(), professional.enter())
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


async def test_an_offer_is_ready_when_it_is_asked_for(call: Call) -> None:
    call.wire.disturb = lambda frame: [(1.0 if frame.get("ask") else 0, frame)]
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await professional.page.wait_for_function(
        "window.made.at(-1)?.signalingState === 'have-local-offer'",
        timeout=GUARD * 1000,
    )
    assert call.wire.offers == 0
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


@pytest.mark.parametrize(("patients", "professionals"), MISSING)
async def test_two_meet_whatever_devices_each_lacks(
    call: Call, patients: tuple[str, ...], professionals: tuple[str, ...]
) -> None:
    patient = await call.patient(patients)
    professional = await call.professional(professionals)
    await _enter(professional, patient)
    await patient.is_connected_to(professional)
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


@pytest.mark.parametrize("who", ["patient", "professional"])
async def test_a_camera_comes_and_goes_without_a_word(call: Call, who: str) -> None:
    patient, professional = await call.patient(()), await call.professional(())
    await _enter(patient, professional)
    await patient.is_connected_to(professional)
    one, other = patient, professional
    if who == "professional":
        one, other = professional, patient
    await one.does("window.devices.take(['audio', 'video'])")
    one.kinds = BOTH
    await other.receives(one)
    await one.does("window.devices.drop('video')")
    await one.does("window.devices.take(['video'])")
    await other.receives(one)
    await _one_each(call, patient, professional)


# How much smaller than the camera's the picture is when it is first described, and now.
NOTES_SCALE = """
() => {
  window.scale = () => {
    const sender = window.made.at(-1).getSenders().find(({ track }) => track?.kind === 'video');
    return sender.getParameters().encodings[0].scaleResolutionDownBy;
  };
  const describe = RTCPeerConnection.prototype.setLocalDescription;
  RTCPeerConnection.prototype.setLocalDescription = function (...given) {
    window.firstScale ??= window.scale();
    return describe.apply(this, given);
  };
}
"""


async def test_a_picture_begins_small_and_soon_has_its_size(call: Call) -> None:
    patient, professional = await call.patient(), await call.professional()
    for each in (patient, professional):
        await each.page.wait_for_function("window.ready", timeout=GUARD * 1000)
        await each.does(NOTES_SCALE)
    await _enter(patient, professional)
    await _meet(patient, professional)
    for each in (patient, professional):
        assert await each.does("window.firstScale") == 4
        await each.page.wait_for_function("window.scale() === 1", timeout=GUARD * 1000)
    await _one_each(call, patient, professional)


@pytest.mark.parametrize("people", [3, 4])
async def test_more_people_meet_by_one_offer_a_pair(call: Call, people: int) -> None:
    everybody = [await call.patient(), await call.professional()]
    roles = ("guardian", "interpreter")[: people - 2]
    everybody += [await call.guest(str(uuid4()), role) for role in roles]
    await asyncio.gather(*(each.enter() for each in everybody))
    await _meet(*everybody)
    await _one_each(call, *everybody)


def _twice(frame: Frame) -> list[tuple[float, Frame]]:
    """Each signal again, while the first is being dealt with and long after."""
    return [(0, frame)] + [(wait, frame) for wait in (0, 0.4) if _is_signal(frame)]


def _late(frame: Frame) -> list[tuple[float, Frame]]:
    return [(0.3 if _is_signal(frame) else 0, frame)]


def _candidates_first(frame: Frame) -> list[tuple[float, Frame]]:
    return [(0.3 if frame.get("description") else 0, frame)]


def _candidates_last(frame: Frame) -> list[tuple[float, Frame]]:
    return [(0.3 if frame.get("candidate") else 0, frame)]


def _is_signal(frame: Frame) -> bool:
    return bool(frame["type"] == "signal")


@pytest.mark.parametrize(
    "disturbance", [_twice, _late, _candidates_first, _candidates_last]
)
async def test_signals_said_twice_late_or_out_of_order_cost_no_connection(
    call: Call, disturbance: Disturbance
) -> None:
    call.wire.disturb = disturbance
    patient, professional = await call.patient(), await call.professional()
    await asyncio.gather(patient.enter(), professional.enter())
    await _meet(patient, professional)
    await asyncio.sleep(STILL)
    await _meet(patient, professional)
    assert await patient.connections() == await professional.connections() == 1


@pytest.mark.parametrize("lost", ["ask", "offer", "answer", "candidate"])
async def test_what_is_lost_once_is_said_again(call: Call, lost: str) -> None:
    """The first of its kind; of candidates, all within the first round."""
    dropped: list[Frame] = []

    def drop(frame: Frame) -> list[tuple[float, Frame]]:
        kind = (frame.get("description") or {}).get("type")
        is_it = (
            lost == kind
            or (lost == "ask" and frame.get("ask"))
            or (lost == "candidate" and frame.get("candidate"))
        )
        if is_it and (not dropped or (lost == "candidate" and frame["round"] == 1)):
            dropped.append(frame)
            return []
        return [(0, frame)]

    call.wire.disturb = drop
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    assert dropped
    assert await patient.connections() == await professional.connections() == 1


@pytest.mark.parametrize("who", ["patient", "professional"])
async def test_a_page_that_is_reloaded_comes_to_a_picture_by_one_offer(
    call: Call, who: str
) -> None:
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    one, other = patient, professional
    if who == "professional":
        one, other = professional, patient
    await one.reload()
    await _meet(patient, professional)
    await asyncio.sleep(STILL)
    assert (call.wire.offers, call.wire.answers) == (2, 2)
    assert await one.connections() == 1
    assert await other.connections() == 2


async def test_every_signal_of_an_earlier_page_changes_nothing(call: Call) -> None:
    """All that was said before the reload is said once more into the running call."""
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    old = [(who, frame) for who, frame in call.wire.said if _is_signal(frame)]
    await patient.reload()
    await _meet(patient, professional)
    made = [await each.connections() for each in (patient, professional)]
    for who, frame in old:
        other = professional if who == patient.member else patient
        await other.page.evaluate(
            "([member, signal]) => window.room.peers.get(member).receive(signal)",
            [who, frame],
        )
    await asyncio.sleep(STILL)
    await _meet(patient, professional)
    assert [await each.connections() for each in (patient, professional)] == made


WORDS = {
    "lost": "{ type: 'gone', seq: 0, member: MEMBER, reason: 'lost' }",
    "expired": "{ type: 'gone', seq: 0, member: MEMBER, reason: 'expired' }",
    "a welcome without the other": """{
      type: 'welcome', seq: 0, protocol: 1, session: 'other', resumed: false,
      you: window.room.me.id, members: [], ice_servers: [], started_at: null }""",
    "joined again": "{ type: 'joined', seq: 0, member: window.room.members.get(MEMBER) }",
}


@pytest.mark.parametrize("who", ["patient", "professional"])
@pytest.mark.parametrize("word", WORDS)
async def test_no_word_of_the_servers_ends_a_picture_that_moves(
    call: Call, word: str, who: str
) -> None:
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    one, other = patient, professional
    if who == "professional":
        one, other = professional, patient
    frame = WORDS[word].replace("MEMBER", f"'{other.member}'")
    await one.does(f"window.room.signalling.heard({frame})")
    await asyncio.sleep(STILL)
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


async def test_wires_that_are_cut_leave_the_picture_as_it_is(call: Call) -> None:
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    await call.cut()
    await _hellos(call, 4)
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


@pytest.mark.parametrize("first", ["lost", "expired"])
async def test_who_expired_is_gone_when_the_picture_stops(
    call: Call, first: str
) -> None:
    """In whichever order the two words come: expired is not merely lost."""
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    gone = "{ type: 'gone', seq: 0, member: MEMBER, reason: 'expired' }"
    word = gone.replace("MEMBER", f"'{patient.member}'")
    if first == "expired":
        await professional.does(f"window.room.signalling.heard({word})")
    await patient.page.close()  # of which signalling itself says: lost
    if first == "lost":
        lost = "window.room.away.size > 0"
        await professional.page.wait_for_function(lost, timeout=GUARD * 1000)
        await professional.does(f"window.room.signalling.heard({word})")
    # ICE itself takes up to half a minute to tell that nobody is there (RFC 7675, 5.1).
    over = "window.room.peers.size === 0"
    await professional.page.wait_for_function(over, timeout=45_000)


async def test_a_client_that_names_no_connection_is_met(
    call: Call,
) -> None:
    """A page from before the names, still open while a new version is rolled out."""
    names = ("connection", "meant_for", "round")

    def nameless(frame: Frame) -> list[tuple[float, Frame]]:
        if not _is_signal(frame) or frame["to"] == call.visit.patient:
            return [(0, frame)]
        return [(0, {key: frame[key] for key in frame if key not in names})]

    call.wire.disturb = nameless
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


@pytest.mark.parametrize(
    ("who", "word"),
    [
        ("patient", "ask"),
        ("patient", "answer"),
        ("professional", "ask"),
        ("professional", "offer"),
    ],
)
async def test_a_wire_that_dies_without_a_word_is_noticed_by_whoever_needs_it(
    call: Call, who: str, word: str
) -> None:
    """From the first ask, offer or answer on; no `online` tells the page."""
    patient, professional = await call.patient(), await call.professional()
    member = patient.member if who == "patient" else professional.member
    died: list[Frame] = []

    def die(frame: Frame) -> list[tuple[float, Frame]]:
        said = frame.get("ask") and "ask", (frame.get("description") or {}).get("type")
        if word not in said or died:
            return [(0, frame)]
        died.append(frame)
        call.let_die(member)
        return []

    call.wire.disturb = die
    await _enter(professional, patient)
    await patient.page.wait_for_function(
        "(member) => window.room.peers.get(member)?.connected",
        arg=professional.member,
        timeout=3 * GUARD * 1000,
    )
    await _meet(patient, professional)
    assert died
    assert call.wire.hellos == 3


async def test_a_renewal_that_fails_leaves_no_page_without_a_wire(call: Call) -> None:
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    await patient.does("""
      void (window.renewed = () => {
        window.renewed = () => Promise.resolve(true);
        return Promise.reject(new TypeError('Half an answer.'));
      })""")
    await call.end_token(patient.member)
    await _hellos(call, 3)
    await _meet(patient, professional)
    await _one_each(call, patient, professional)


async def test_a_token_that_runs_out_while_the_wire_is_away_costs_no_call(
    call: Call,
) -> None:
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    renewals: list[bool] = []

    def renew() -> bool:
        """Identity answers at the second try only."""
        renewals.append(bool(renewals))
        if renewals[-1]:
            call.give_token(patient)
        return renewals[-1]

    await patient.page.expose_function("renewed_at_identity", renew)
    await patient.does("void (window.renewed = () => window.renewed_at_identity())")
    call.give_token(patient, until=now() - timedelta(seconds=1))
    await call.cut()
    await _hellos(call, 5)
    await _one_each(call, patient, professional)
    await _meet(patient, professional)
    assert renewals == [False, True]
    assert await patient.does("window.stopped") is None


async def test_whoever_has_no_session_after_its_renewal_either_is_stopped(
    call: Call,
) -> None:
    patient = await call.patient()
    await _enter(patient)
    await _is_wired(patient)
    call.give_token(patient, until=now() - timedelta(seconds=1))
    await call.cut()
    await patient.page.wait_for_function("window.stopped", timeout=GUARD * 1000)
    assert await patient.does("window.stopped") == "no_session"
    assert len(call.wire.open) == 3


async def test_the_network_coming_back_twice_makes_one_socket(call: Call) -> None:
    patient = await call.patient(())
    await patient.page.wait_for_function("window.ready", timeout=GUARD * 1000)
    await patient.does(
        "void (window.admission = () => new Promise((go) => { (window.admit ??= []).push(go); }))"
    )
    await patient.page.evaluate(
        "(appointment) => void window.enter(appointment, 'visit', [])",
        call.visit.appointment,
    )
    await patient.page.wait_for_function("Boolean(window.admit)", timeout=GUARD * 1000)
    await patient.does("dispatchEvent(new Event('online'))")
    await patient.does("for (const admit of window.admit) admit(null)")
    await _is_wired(patient)
    await asyncio.sleep(STILL)
    assert len(call.wire.open) == call.wire.hellos == 1


async def test_a_late_ask_of_a_page_that_is_gone_takes_no_offer_from_the_new_one(
    call: Call,
) -> None:
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    old = next(frame for _, frame in call.wire.said if frame.get("ask"))

    def late(frame: Frame) -> list[tuple[float, Frame]]:
        offers_again = (frame.get("description") or {}).get("type") == "answer"
        return [(0, old), (0.2, frame)] if offers_again else [(0, frame)]

    call.wire.disturb = late
    await patient.reload()
    await _meet(patient, professional)
    assert await professional.connections() == 2
    assert await patient.connections() == 1


@pytest.mark.parametrize("who", ["patient", "professional"])
async def test_whoever_is_gone_is_sent_no_camera_by_what_was_on_its_way(
    call: Call, who: str
) -> None:
    """They leave while their connection is being asked whether it lives."""
    patient, professional = await call.patient(), await call.professional()
    await _enter(patient, professional)
    await _meet(patient, professional)
    one, other = patient, professional
    if who == "professional":
        one, other = professional, patient
    await other.does("window.room.peers.values().next().value.connection.close()")
    await one.page.evaluate(
        """(member) => {
          const peer = window.room.peers.get(member);
          const { sdp } = peer.connection.remoteDescription;
          void peer.receive({
            connection: 'another', meant_for: null, round: 1, ask: null, candidate: null,
            description: { type: 'offer', sdp },
          });
          queueMicrotask(() => window.room.signalling.heard({ type: 'gone', seq: 0, member, reason: 'left' }));
        }""",
        other.member,
    )
    await asyncio.sleep(STILL)
    open_ones = "window.made.filter((each) => each.signalingState !== 'closed').length"
    assert await one.does(open_ones) == 0
