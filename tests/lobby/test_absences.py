"""Away, back, and asked to come while there is time."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from contract.booking import AppointmentCancelled, AppointmentRescheduled
from services.lobby.place import Outcome, Reason, State, Summons, arriving, outcome
from services.lobby.refusals import (
    AppointmentIsCancelled,
    NobodyThere,
    NotWaiting,
    SomeoneWasFirst,
)
from tests.lobby.conftest import GRACE, HALF_HOUR, TEN, Room, counter, seen, session
from tests.lobby.conftest import staff as a_professional
from tests.lobby.test_domain import MAIJA, NURSE

WAITING = arriving("a-1", MAIJA, TEN).asked(TEN)
AWAY = WAITING.away(TEN)
CALLED = AWAY.summoned(AWAY.version, TEN, GRACE)
IN_TIME, LATE = TEN + GRACE, TEN + GRACE + timedelta(seconds=1)
NURSE_HERE = a_professional()


def ended(outcome: Outcome) -> float:
    return counter("lobby_summons_ended_total", outcome=outcome)


def test_coming_and_going_leaves_what_a_professional_saw_as_it_was() -> None:
    assert AWAY.version == CALLED.version == CALLED.back().version == WAITING.version
    assert CALLED.back() == WAITING


def test_whoever_was_asked_and_has_time_left_is_not_asked_again() -> None:
    assert CALLED.summoned(CALLED.version, TEN + GRACE / 2, GRACE) == CALLED
    again = CALLED.summoned(CALLED.version, IN_TIME, GRACE)
    assert again.summons == Summons(IN_TIME, IN_TIME + GRACE)


def test_any_move_of_the_place_ends_being_away_and_being_asked() -> None:
    version = CALLED.version
    moved = [
        CALLED.admitted(version, NURSE, TEN),
        CALLED.refused(version, NURSE, Reason.OTHER, TEN),
        CALLED.left(TEN),
        CALLED.postponed(TEN),
    ]
    assert {(each.away_since, each.summons) for each in moved} == {(None, None)}


@pytest.mark.parametrize(
    ("after", "at", "told"),
    [
        (CALLED.back(), IN_TIME, Outcome.CAME),
        (CALLED.back(), LATE, Outcome.PASSED),
        (CALLED.admitted(CALLED.version, NURSE, TEN), IN_TIME, Outcome.CAME),
        (CALLED.left(TEN), IN_TIME, Outcome.PASSED),
        (CALLED.given_up(LATE), LATE, Outcome.PASSED),
        (CALLED, LATE, None),
        (replace(CALLED, checks={}), IN_TIME, None),
    ],
)
def test_what_became_of_a_summons(after, at, told) -> None:  # type: ignore[no-untyped-def]
    assert outcome(CALLED, after, at) is told


def test_a_summons_is_given_up_once() -> None:
    given_up = CALLED.given_up(IN_TIME)
    assert CALLED.given_up(TEN) == CALLED
    assert given_up.summons == Summons(TEN, IN_TIME, passed=True)
    assert given_up.given_up(LATE) == given_up
    assert outcome(given_up, given_up.back(), LATE) is None


async def test_away_and_back_are_said_once_each_and_shown(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    room.clock.forward(minutes=1)
    await room.absences.away(me)
    assert (await room.shown(me)).away_since == TEN
    await room.absences.back(me)
    await room.absences.back(me)
    assert await room.shown(me) == place
    assert await room.said() == ["patient.waiting", "patient.away", "patient.back"]
    [told] = await room.told("patient.back")
    assert (told["person_id"], told["unit_id"]) == (me.sub, "unit-1")


async def test_a_sleeping_phone_that_still_asks_is_away_all_the_same(
    room: Room,
) -> None:
    me, _ = await room.waiting()
    await room.absences.away(me)
    view = await room.lobby.view(me)
    assert view.place.away_since == TEN
    assert view.place.state is State.WAITING


async def test_whoever_asks_to_join_again_is_back(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    assert (await room.lobby.ask(me)).place == place
    assert (await room.said())[-1] == "patient.back"


async def test_whoever_does_not_wait_is_not_away(room: Room) -> None:
    early = session((await room.booked()).appointment_id)
    await room.absences.away(early)
    await room.absences.back(early)
    assert (await room.lobby.view(early)).place.away_since is None
    assert await room.said() == []


async def test_of_a_visit_that_is_off_nobody_is_away(room: Room) -> None:
    me, place = await room.waiting()
    off = AppointmentCancelled(appointment_id=me.appointment, sequence=1)
    await room.lobby.changed(off)
    await room.absences.away(me)
    assert await room.said() == ["patient.waiting"]
    with pytest.raises(AppointmentIsCancelled):
        await room.absences.summon(NURSE_HERE, seen(place))


async def test_a_summons_is_said_noted_and_shown_to_both(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    before = counter("lobby_summoned_total")
    called = await room.absences.summon(NURSE_HERE, seen(place))
    assert called.summons == Summons(TEN, TEN + GRACE)
    assert (await room.lobby.view(me)).place.summons == called.summons
    assert (await room.shown(me)).summons == called.summons
    [told] = await room.told("patient.summoned")
    assert (told["person_id"], told["professional_id"]) == (me.sub, "p-1")
    assert told["until"] == "2026-11-23T08:03:00Z"
    assert await room.trail(me.appointment) == [
        ("p-1", "patient.summoned", me.sub, None)
    ]
    assert counter("lobby_summoned_total") == before + 1


async def test_two_who_ask_the_same_person_to_come_ask_once(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    for professional in ("p-1", "p-2"):
        await room.absences.summon(a_professional(professional), seen(place))
    assert len(await room.told("patient.summoned")) == 1
    assert len(await room.trail(me.appointment)) == 1


async def test_whoever_comes_in_time_came(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    await room.absences.summon(NURSE_HERE, seen(place))
    before = ended(Outcome.CAME)
    room.clock.forward(minutes=2)
    await room.absences.back(me)
    there = await room.shown(me)
    assert (there.summons, there.away_since) == (None, None)
    assert ended(Outcome.CAME) == before + 1


async def test_whoever_does_not_come_keeps_the_place_and_can_be_asked_again(
    room: Room,
) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    await room.absences.summon(NURSE_HERE, seen(place))
    before = ended(Outcome.PASSED)
    room.clock.forward(seconds=GRACE.total_seconds() - 1)
    await room.absences.give_up()
    assert ended(Outcome.PASSED) == before
    room.clock.forward(seconds=1)
    restarted = Room(room.database, room.clock)
    for each in (room, restarted):
        await each.absences.give_up()
    assert ended(Outcome.PASSED) == before + 1
    still = await room.shown(me)
    assert (still.state, still.since, still.away_since) == (State.WAITING, TEN, TEN)
    await room.absences.summon(NURSE_HERE, seen(still))
    assert len(await room.told("patient.summoned")) == 2
    await room.absences.back(me)
    assert ended(Outcome.PASSED) == before + 1


async def test_to_be_let_in_is_to_be_back(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    await room.absences.summon(NURSE_HERE, seen(place))
    before = ended(Outcome.CAME)
    await room.lobby.admit(NURSE_HERE, seen(place))
    let_in = await room.shown(me)
    assert (let_in.away_since, let_in.summons) == (None, None)
    assert ended(Outcome.CAME) == before + 1
    await room.absences.away(me)  # a call on a phone that is put down goes on
    assert (await room.said())[-1] == "patient.admitted"


async def test_a_visit_that_moves_calls_for_nobody(room: Room) -> None:
    me, place = await room.waiting()
    await room.absences.away(me)
    await room.absences.summon(NURSE_HERE, seen(place))
    moved = AppointmentRescheduled(
        appointment_id=me.appointment,
        sequence=1,
        starts_at=TEN + HALF_HOUR,
        ends_at=TEN + 2 * HALF_HOUR,
    )
    await room.lobby.changed(moved)
    there = await room.shown(me)
    assert (there.state, there.away_since) == (State.IDENTIFIED, None)
    assert there.summons is None


async def test_only_whoever_waits_is_asked_to_come_and_as_they_were_seen(
    room: Room,
) -> None:
    me, place = await room.waiting()
    await room.lobby.refuse(NURSE_HERE, seen(place), Reason.NOT_READY)
    with pytest.raises(SomeoneWasFirst):
        await room.absences.summon(NURSE_HERE, seen(place))
    with pytest.raises(NotWaiting):
        await room.absences.summon(NURSE_HERE, seen(await room.shown(me)))


async def test_another_units_professional_asks_nobody_to_come(room: Room) -> None:
    _, place = await room.waiting()
    stranger = a_professional("p-9", "unit-2")
    with pytest.raises(NobodyThere) as hidden:
        await room.absences.summon(stranger, seen(place))
    nobody = replace(seen(place), person_id=uuid4())
    with pytest.raises(NobodyThere) as absent:
        await room.absences.summon(NURSE_HERE, nobody)
    assert str(hidden.value) == str(absent.value)


async def test_a_guardian_and_an_interpreter_come_and_go_each_for_themselves(
    room: Room,
) -> None:
    said = await room.booked()
    guardian = session(said.appointment_id, role="guardian")
    interpreter = session(said.appointment_id, role="interpreter")
    for each in (guardian, interpreter):
        await room.lobby.ask(each)
    await room.absences.away(interpreter)
    await room.absences.summon(NURSE_HERE, seen(await room.shown(interpreter)))
    assert (await room.lobby.view(guardian)).place.summons is None
    assert (await room.lobby.view(interpreter)).place.summons is not None
