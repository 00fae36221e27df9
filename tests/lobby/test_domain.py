from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from contract.booking import AppointmentCancelled, AppointmentRescheduled, Professional
from contract.identity import Role
from services.lobby.booking import changed
from services.lobby.domain import Status, Visit
from services.lobby.place import (
    MOVES,
    Ahead,
    Move,
    Person,
    Reason,
    State,
    arriving,
    band,
)
from services.lobby.refusals import (
    AlreadyInCall,
    AppointmentIsCancelled,
    AppointmentIsOver,
    NotInCall,
    NotOpenYet,
    NotWaiting,
    SomeoneWasFirst,
)
from tests.lobby.conftest import HALF_HOUR, TEN, booking

MAIJA = Person(UUID(int=1), Role.PATIENT, SecretStr("Testi-Maija"), 1952, "suomifi")
NURSE = Professional(id="p-1", name="Testi-Nurse")
LATER = timedelta(minutes=15)
ARRIVED = arriving("a-1", MAIJA, TEN)
WAITING = ARRIVED.asked(TEN)
ADMITTED = WAITING.admitted(WAITING.version, NURSE, TEN)
VISIT = changed(Visit("a-1"), booking(appointment_id="a-1"), TEN)


def test_someone_waiting_can_be_admitted() -> None:
    assert ADMITTED.state is State.ADMITTED
    assert ADMITTED.by == NURSE


def test_someone_who_has_not_asked_cannot_be_admitted() -> None:
    with pytest.raises(NotWaiting):
        ARRIVED.admitted(ARRIVED.version, NURSE, TEN)


def test_of_two_professionals_the_second_is_told_who_was_first() -> None:
    with pytest.raises(SomeoneWasFirst) as told:
        ADMITTED.admitted(WAITING.version, NURSE, TEN)
    assert told.value.more == {"by": "Testi-Nurse"}


def test_asking_twice_keeps_the_place() -> None:
    assert WAITING.asked(TEN + LATER) == WAITING


def test_someone_in_the_call_cannot_ask_again() -> None:
    with pytest.raises(AlreadyInCall):
        ADMITTED.asked(TEN)


def test_someone_refused_may_ask_again_and_the_reason_is_gone() -> None:
    refused = WAITING.refused(WAITING.version, NURSE, Reason.WRONG_TIME, TEN)
    assert refused.reason is Reason.WRONG_TIME
    assert refused.asked(TEN).reason is None


def test_only_someone_in_the_call_can_be_returned() -> None:
    with pytest.raises(NotInCall):
        WAITING.returned(WAITING.version, NURSE, Reason.OTHER, TEN)
    returned = ADMITTED.returned(ADMITTED.version, NURSE, Reason.TECHNICAL, TEN)
    assert (returned.state, returned.reason) == (State.WAITING, Reason.TECHNICAL)


@given(st.lists(st.sampled_from(list(Move)), max_size=12))
def test_a_place_only_makes_the_moves_of_the_table(moves: list[Move]) -> None:
    place = ARRIVED
    acts = {
        Move.ASK: lambda p: p.asked(TEN),
        Move.ADMIT: lambda p: p.admitted(p.version, NURSE, TEN),
        Move.REFUSE: lambda p: p.refused(p.version, NURSE, Reason.OTHER, TEN),
        Move.RETURN: lambda p: p.returned(p.version, NURSE, Reason.OTHER, TEN),
        Move.LEAVE: lambda p: p.left(TEN),
        Move.POSTPONE: lambda p: p.postponed(TEN),
    }
    for move in moves:
        try:
            moved = acts[move](place)
        except (NotWaiting, NotInCall, AlreadyInCall):
            assert (place.state, move) not in MOVES
            continue
        if moved.version == place.version:
            assert replace(moved, asked_at=place.asked_at) == place
        else:
            assert moved.state is MOVES[place.state, move]
            assert moved.version == place.version + 1
        place = moved


def test_the_door_opens_at_the_start_and_shuts_a_while_after_the_end() -> None:
    VISIT.check_open(TEN, LATER)
    VISIT.check_open(TEN + HALF_HOUR + LATER, LATER)
    with pytest.raises(NotOpenYet) as told:
        VISIT.check_open(TEN - timedelta(milliseconds=1), LATER)
    assert told.value.more == {"opens_at": TEN.isoformat()}
    with pytest.raises(AppointmentIsOver):
        VISIT.check_open(TEN + HALF_HOUR + LATER + timedelta(seconds=1), LATER)


def test_a_cancelled_appointment_is_never_open() -> None:
    off = changed(VISIT, AppointmentCancelled(appointment_id="a-1", sequence=1), TEN)
    with pytest.raises(AppointmentIsCancelled):
        off.check_open(TEN, LATER)


def test_a_missed_appointment_that_moves_is_booked_again() -> None:
    moved = changed(
        VISIT.missed(),
        AppointmentRescheduled(
            appointment_id="a-1",
            sequence=1,
            starts_at=TEN + HALF_HOUR,
            ends_at=TEN + 2 * HALF_HOUR,
        ),
        TEN,
    )
    assert (moved.status, moved.admitted_at) == (Status.BOOKED, None)


CHANGES = (
    booking(appointment_id="a-1", sequence=0),
    AppointmentRescheduled(
        appointment_id="a-1", sequence=1, starts_at=TEN, ends_at=TEN + HALF_HOUR
    ),
    booking(appointment_id="a-1", sequence=2, service="oral_health"),
    AppointmentRescheduled(
        appointment_id="a-1",
        sequence=3,
        starts_at=TEN + HALF_HOUR,
        ends_at=TEN + 2 * HALF_HOUR,
    ),
    AppointmentCancelled(appointment_id="a-1", sequence=4),
)


@given(
    st.integers(0, len(CHANGES)).flatmap(
        lambda many: st.tuples(
            st.just(many),
            st.permutations(CHANGES[:many]),
            st.lists(st.sampled_from(CHANGES[: many or 1]), max_size=4 * bool(many)),
        )
    ),
    st.sampled_from([TEN - HALF_HOUR, TEN, TEN + 3 * HALF_HOUR]),
)
def test_in_whatever_order_and_however_often_changes_are_heard_they_end_the_same(
    heard: tuple[int, list, list], now: datetime
) -> None:
    many, shuffled, repeated = heard
    in_order = shuffled_in = Visit("a-1")
    for change in CHANGES[:many]:
        in_order = changed(in_order, change, now)
    for change in (*shuffled, *repeated):
        shuffled_in = changed(shuffled_in, change, now)
    assert shuffled_in == in_order


def test_a_head_count_is_told_in_bands() -> None:
    bands = [band(before) for before in (0, 1, 3, 4)]
    assert bands == [Ahead.NEXT, Ahead.FEW, Ahead.FEW, Ahead.MANY]


def test_a_place_does_not_print_a_name() -> None:
    assert "Maija" not in repr(replace(WAITING, version=9))
