"""How late a visit is: by a professional's word, or because another call still runs."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.booking import AppointmentCancelled, AppointmentRescheduled
from contract.signalling import CallEnded, EndedBy
from services.lobby.booking import changed
from services.lobby.delay import Delay, guessed
from services.lobby.domain import Visit
from services.lobby.refusals import (
    AlreadyBegun,
    AppointmentIsCancelled,
    AppointmentIsOver,
    NobodyThere,
)
from tests.lobby.conftest import (
    FIRST_SLOT,
    HALF_HOUR,
    TEN,
    Room,
    booking,
    counter,
    seen,
    session,
    staff,
)

VISIT = changed(Visit("a-1"), booking(appointment_id="a-1"), TEN)
HALF_PAST = {"starts_at": TEN + HALF_HOUR, "ends_at": TEN + 2 * HALF_HOUR}


@given(st.integers(0, 24 * 3600))
def test_a_guess_is_the_next_step_of_five_minutes(seconds: int) -> None:
    late = timedelta(seconds=seconds)
    guess = guessed(TEN, TEN + late)
    told = timedelta(minutes=guess.minutes)
    assert guess.inferred
    assert guess.minutes % 5 == 0
    assert told == timedelta(minutes=600) or late <= told < late + timedelta(minutes=5)


def test_a_guess_grows_and_never_shrinks() -> None:
    late = VISIT.kept_waiting(TEN + timedelta(minutes=6))
    assert late.delay == Delay(10, inferred=True, at=TEN + timedelta(minutes=6))
    assert late.kept_waiting(TEN + timedelta(minutes=9)) == late
    assert late.kept_waiting(TEN + timedelta(minutes=2)) == late
    later = late.kept_waiting(TEN + timedelta(minutes=11))
    assert later.delay
    assert later.delay.minutes == 15


@pytest.mark.parametrize("minutes", [0, 5, 20])
def test_a_professionals_word_is_not_replaced_by_a_guess(minutes: int) -> None:
    said = VISIT.late(minutes, TEN)
    assert said.kept_waiting(TEN + timedelta(minutes=30)) == said


def test_a_professionals_word_replaces_a_guess() -> None:
    said = VISIT.kept_waiting(TEN + timedelta(minutes=6)).late(10, TEN)
    assert said.delay == Delay(10, inferred=False, at=TEN)


def test_to_be_on_time_is_no_news() -> None:
    assert VISIT.late(0, TEN).told_delay() is None


async def test_a_delay_by_hand_is_shown_said_and_noted(room: Room) -> None:
    me, _ = await room.waiting()
    told = await room.delays.say(staff(), me.appointment, 10)
    assert told == Delay(10, inferred=False, at=TEN)
    assert (await room.lobby.view(me)).delay == told
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    assert visit.told_delay() == told
    assert await room.told("appointment.delayed") == [
        {
            "appointment_id": me.appointment,
            **FIRST_SLOT,
            "minutes": 10,
            "inferred": False,
        }
    ]
    line = ("p-1", "appointment.delayed", None, "10")
    assert await room.trail(me.appointment) == [line]


async def test_the_same_delay_again_is_no_news_and_on_time_again_is(
    room: Room,
) -> None:
    me, _ = await room.waiting()
    for minutes in (10, 10, 0, 0):
        await room.delays.say(staff(), me.appointment, minutes)
    said = await room.told("appointment.delayed")
    assert [each["minutes"] for each in said] == [10, 0]
    assert (await room.lobby.view(me)).delay is None


async def test_that_a_visit_which_nobody_called_late_is_on_time_is_not_said(
    room: Room,
) -> None:
    me, _ = await room.waiting()
    await room.delays.say(staff(), me.appointment, 0)
    assert await room.told("appointment.delayed") == []


async def test_a_visit_can_be_called_late_before_it_starts_and_anybody_comes(
    room: Room,
) -> None:
    said = await room.booked(**HALF_PAST)
    await room.delays.say(staff(), said.appointment_id, 15)
    view = await room.lobby.view(session(said.appointment_id))
    assert view.delay == Delay(15, inferred=False, at=TEN)


async def test_another_units_professional_cannot_tell_that_the_visit_is_there(
    room: Room,
) -> None:
    said = await room.booked()
    tried = (said.appointment_id, "no-such-appointment")
    texts = set()
    for appointment in tried:
        with pytest.raises(NobodyThere) as told:
            await room.delays.say(staff("p-9", "unit-2"), appointment, 10)
        texts.add((str(told.value), *told.value.more.items()))
    assert len(texts) == 1
    assert await room.said() == []


async def test_a_visit_that_is_off_missed_or_begun_is_not_late(room: Room) -> None:
    off = (await room.booked()).appointment_id
    await room.lobby.changed(AppointmentCancelled(appointment_id=off, sequence=1))
    with pytest.raises(AppointmentIsCancelled):
        await room.delays.say(staff(), off, 10)
    begun = await room.in_call(staff())
    with pytest.raises(AlreadyBegun):
        await room.delays.say(staff(), begun.appointment, 10)
    missed = (await room.booked()).appointment_id
    room.clock.forward(minutes=46)
    await room.lobby.sweep()
    with pytest.raises(AppointmentIsOver):
        await room.delays.say(staff(), missed, 10)


async def test_once_someone_is_let_in_the_visit_is_late_no_more(room: Room) -> None:
    me, place = await room.waiting()
    await room.delays.say(staff(), me.appointment, 10)
    await room.lobby.admit(staff(), seen(place))
    assert (await room.lobby.view(me)).delay is None
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    assert visit.told_delay() is None
    assert len(await room.told("appointment.delayed")) == 1


async def test_an_interpreter_who_is_let_in_first_leaves_the_patient_late(
    room: Room,
) -> None:
    me, _ = await room.waiting()
    await room.delays.say(staff(), me.appointment, 10)
    them = session(me.appointment, role="interpreter")
    place = (await room.lobby.ask(them)).place
    await room.lobby.admit(staff(), seen(place))
    assert (await room.lobby.view(them)).delay is None
    assert (await room.lobby.view(me)).delay is not None


async def test_a_visit_that_moves_or_is_off_is_late_no_more(room: Room) -> None:
    me, _ = await room.waiting()
    await room.delays.say(staff(), me.appointment, 10)
    again = booking(appointment_id=me.appointment, sequence=1, service="other")
    await room.lobby.changed(again)  # the same times
    assert (await room.lobby.view(me)).delay is not None
    await room.lobby.changed(
        AppointmentRescheduled(appointment_id=me.appointment, sequence=2, **HALF_PAST)
    )
    assert (await room.lobby.view(me)).delay is None
    await room.delays.say(staff(), me.appointment, 10)
    off = AppointmentCancelled(appointment_id=me.appointment, sequence=3)
    await room.lobby.changed(off)
    assert (await room.lobby.view(me)).delay is None


async def test_whoever_waits_while_the_call_before_runs_is_told_how_late_it_is(
    room: Room,
) -> None:
    await room.in_call(staff("p-1"))
    room.clock.forward(minutes=30)
    me, _ = await room.waiting(**HALF_PAST)
    await room.delays.guess()
    assert (await room.lobby.view(me)).delay is None  # it has only just begun
    for _ in range(4):
        room.clock.forward(minutes=3)
        await asyncio.gather(
            *(room.delays.guess() for _ in range(3))
        )  # as processes do
    said = await room.told("appointment.delayed")
    assert [(each["minutes"], each["inferred"]) for each in said] == [
        (5, True),
        (10, True),
        (15, True),
    ]
    view = await room.lobby.view(me)
    assert view.delay
    assert (view.delay.minutes, view.delay.inferred) == (15, True)


async def test_each_who_waits_for_the_same_professional_is_told_for_their_own_start(
    room: Room,
) -> None:
    await room.in_call(staff("p-1"))
    room.clock.forward(minutes=15)
    quarter = TEN + timedelta(minutes=15)
    first, _ = await room.waiting(starts_at=TEN, ends_at=TEN + HALF_HOUR)
    second, _ = await room.waiting(starts_at=quarter, ends_at=quarter + HALF_HOUR)
    other = {"professional": {"id": "p-2", "name": "Testi-Two"}}
    third, _ = await room.waiting(**other)
    room.clock.forward(minutes=1)
    await room.delays.guess()
    views = [await room.lobby.view(each) for each in (first, second, third)]
    assert [view.delay and view.delay.minutes for view in views] == [20, 5, None]


async def test_it_counts_who_holds_the_other_call_and_not_whose_it_was(
    room: Room,
) -> None:
    await room.in_call(staff("p-2"))  # booked with p-1, whom p-2 stands in for
    me, _ = await room.waiting()
    room.clock.forward(minutes=1)
    await room.delays.guess()
    assert (await room.lobby.view(me)).delay is None


async def test_a_door_that_was_opened_is_not_yet_a_call(room: Room) -> None:
    _, place = await room.waiting()
    await room.lobby.admit(staff("p-1"), seen(place))
    await room.waiting()
    room.clock.forward(minutes=1)
    await room.delays.guess()
    assert await room.told("appointment.delayed") == []


async def test_nothing_is_guessed_for_who_has_not_come_or_once_the_call_is_over(
    room: Room,
) -> None:
    before = await room.in_call(staff("p-1"))
    absent = await room.booked()
    room.clock.forward(minutes=1)
    await room.delays.guess()
    ended = CallEnded(
        appointment_id=before.appointment,
        at=room.clock(),
        ended_by=EndedBy.PROFESSIONAL,
    )
    await room.lobby.call_ended(ended)
    me = session(absent.appointment_id)
    await room.lobby.ask(me)
    await room.delays.guess()
    assert await room.told("appointment.delayed") == []


async def test_a_guess_stays_silent_against_a_word_and_wins_nothing_by_a_restart(
    room: Room,
) -> None:
    await room.in_call(staff("p-1"))
    me, _ = await room.waiting()
    await room.delays.say(staff(), me.appointment, 5)
    room.clock.forward(minutes=20)
    restarted = Room(room.database, room.clock)
    await restarted.delays.guess()
    said = await room.told("appointment.delayed")
    assert [each["minutes"] for each in said] == [5]


async def test_delays_are_counted_by_how_they_came(room: Room) -> None:
    def counted() -> list[float]:
        return [counter("lobby_delayed_total", how=how) for how in ("said", "inferred")]

    before = counted()
    await room.in_call(staff("p-1"))
    me, _ = await room.waiting()
    room.clock.forward(minutes=1)
    await room.delays.guess()
    await room.delays.say(staff(), me.appointment, 10)
    await room.delays.say(staff(), me.appointment, 10)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1]
