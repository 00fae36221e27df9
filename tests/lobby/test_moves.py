"""A booking that is corrected, moved, cancelled or made again while something goes on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from chassis.sessions import VisitSession
from contract.booking import AppointmentRescheduled, Change
from contract.signalling import CallEnded, EndedBy
from contract.slot import Slot
from services.lobby.domain import Status
from services.lobby.place import Place, Reason, State
from tests.lobby.conftest import TEN, Room, booking, seen, session, staff
from tests.lobby.test_slots import BOOKED, A, began, hear, off, visit

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FIRST = Slot(TEN, 0)


def at(minutes: float) -> datetime:
    return TEN + minutes * MINUTE


def to(sequence: int, starts: float, ends: float) -> AppointmentRescheduled:
    """Minutes from ten."""
    return AppointmentRescheduled(
        source="/test",
        appointment_id=A,
        sequence=sequence,
        starts_at=at(starts),
        ends_at=at(ends),
    )


def again(sequence: int, starts: float = 0, ends: float = 30) -> Change:
    return booking(
        appointment_id=A, sequence=sequence, starts_at=at(starts), ends_at=at(ends)
    )


def ended(slot: Slot, at: datetime, by: EndedBy) -> CallEnded:
    said = CallEnded(source="/signalling", appointment_id=A, at=at, ended_by=by)
    return said.about(slot)


async def waits(room: Room, minutes: float) -> tuple[VisitSession, Place]:
    room.clock.at = at(minutes)
    me = session(A)
    return me, (await room.lobby.ask(me)).place


async def let_in(room: Room, minutes: float) -> tuple[VisitSession, Place]:
    me, place = await waits(room, minutes)
    return me, await room.lobby.admit(staff(), seen(place))


async def swept(room: Room, minutes: float) -> list[str]:
    """What is said of a time that has gone by."""
    room.clock.at = at(minutes)
    await room.lobby.sweep()
    await room.lobby.sweep()
    said = await room.said()
    return [topic for topic in said if topic.startswith("appointment.")]


CORRECTIONS = {
    "nothing": again(1),
    "the end": again(1, ends=40),
    "an earlier end": to(1, 0, 20),
    "the start, to later": again(1, starts=5),
    "the start, to earlier": to(1, -5, 25),
}


@pytest.mark.parametrize("correction", CORRECTIONS.values(), ids=CORRECTIONS)
@pytest.mark.parametrize("when", [12, 45])
async def test_a_visit_that_was_is_neither_missed_nor_unserved_for_a_correction(
    room: Room, correction: Change, when: int
) -> None:
    await hear(room, BOOKED)
    await let_in(room, 2)
    await hear(room, began(FIRST, at(2)))
    room.clock.at = at(10)
    await hear(room, ended(FIRST, at(10), EndedBy.PROFESSIONAL))
    room.clock.at = at(when)
    await hear(room, correction)
    assert await swept(room, 120) == []
    assert (await visit(room)).status is Status.ENDED


@pytest.mark.parametrize("waited", [True, False])
@pytest.mark.parametrize("correction", [again(1), to(1, 0, 35), to(1, 0, 20)])
async def test_a_time_that_has_gone_by_is_said_once_whatever_is_corrected_then(
    room: Room, correction: Change, waited: bool
) -> None:
    await hear(room, BOOKED)
    if waited:
        await waits(room, 2)
    said = await swept(room, 46)
    assert said == ["appointment.unserved" if waited else "appointment.missed"]
    await hear(room, correction)
    assert await swept(room, 120) == said


async def test_after_a_move_too_it_is_said_once(room: Room) -> None:
    await hear(room, BOOKED, to(1, 60, 90))
    assert await swept(room, 106) == ["appointment.missed"]
    await hear(room, again(2, 60, 90))
    assert await swept(room, 180) == ["appointment.missed"]


async def test_who_missed_a_time_that_is_made_longer_may_still_come(room: Room) -> None:
    await hear(room, BOOKED)
    assert await swept(room, 46) == ["appointment.missed"]
    await hear(room, again(1, ends=60))
    assert (await room.lobby.ask(session(A))).place.state is State.WAITING


MOVES = {
    "to a start to come": [to(1, 15, 45)],
    "to one that has come": [to(1, 5, 35)],
    "to an earlier one": [to(1, -5, 25)],
    "twice": [to(1, 20, 50), to(2, 15, 45)],
    "away and back": [to(1, 24 * 60, 24 * 60 + 30), to(2, 15, 45)],
}


@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize("end", ["professional", "silence", "leaves", "sent_back"])
async def test_a_visit_that_is_moved_during_its_call_was_a_visit(
    room: Room, moves: Sequence[Change], end: str
) -> None:
    await hear(room, BOOKED)
    me, place = await let_in(room, 2)
    await hear(room, began(FIRST, at(2)))
    room.clock.at = at(10)
    await hear(room, *moves)
    assert (await room.lobby.view(me)).admission is not None
    room.clock.at = at(20)
    match end:
        case "leaves":
            await room.lobby.leave(me)
        case "sent_back":
            await room.lobby.send_back(staff(), seen(place), Reason.TECHNICAL)
            room.clock.at = at(21)
            await room.lobby.leave(me)
    by = EndedBy.PROFESSIONAL if end == "professional" else EndedBy.SILENCE
    await hear(room, ended(FIRST, at(20), by))
    assert await swept(room, 120) == []
    assert (await room.shown(me)).state is State.LEFT
    over = Status.ENDED if end == "professional" else Status.BOOKED
    known = await visit(room)
    assert (known.status, known.in_call_since) == (over, None)


async def test_who_talks_when_the_moved_time_has_gone_by_is_left_to_talk(
    room: Room,
) -> None:
    await hear(room, BOOKED)
    me, _ = await let_in(room, 2)
    await hear(room, began(FIRST, at(2)))
    room.clock.at = at(10)
    await hear(room, to(1, 15, 45))
    assert await swept(room, 61) == []
    assert (await room.shown(me)).state is State.ADMITTED
    room.clock.at = at(70)
    await hear(room, ended(FIRST, at(70), EndedBy.SILENCE))
    assert await swept(room, 120) == []


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_call_that_ended_before_the_time_it_was_moved_to_was_another(
    room: Room, leaves: bool
) -> None:
    await hear(room, BOOKED)
    me, _ = await let_in(room, 2)
    await hear(room, began(FIRST, at(2)))
    room.clock.at = at(10)
    await hear(room, to(1, 15, 45))
    room.clock.at = at(12)
    if leaves:
        await room.lobby.leave(me)
    await hear(room, ended(FIRST, at(12), EndedBy.PROFESSIONAL))
    assert await swept(room, 61) == ["appointment.missed"]


async def test_who_was_served_and_is_seen_again_after_that_time_is_seen_afresh(
    room: Room,
) -> None:
    """Though the lobby hears of it when the new time has come."""
    await hear(room, BOOKED)
    await let_in(room, 2)
    room.clock.at = at(10)
    await hear(room, ended(FIRST, at(10), EndedBy.PROFESSIONAL))
    room.clock.at = TEN + DAY + 5 * MINUTE
    await hear(room, to(1, 24 * 60, 24 * 60 + 30))
    known = await visit(room)
    assert (known.status, known.admitted_at) == (Status.BOOKED, None)


SLOTS: dict[str, tuple[Sequence[Change], Slot]] = {
    "later": ([to(1, 5, 35)], Slot(at(5), 1)),
    "earlier": ([again(1, -5, 25)], Slot(at(-5), 1)),
    "booked again": ([off(1), again(2)], Slot(TEN, 2)),
    "booked again, in the other order": ([again(2), off(1)], Slot(TEN, 2)),
}


@pytest.mark.parametrize("how", SLOTS)
async def test_who_waits_on_by_another_slot_is_said_to_wait_by_that_one(
    room: Room, how: str
) -> None:
    changes, slot = SLOTS[how]
    await hear(room, BOOKED)
    _, place = await waits(room, 1)
    room.clock.at = at(6)
    await hear(room, *changes)
    first, *_, last = await room.told("patient.waiting")
    assert (datetime.fromisoformat(last["starts_at"]), last["sequence"]) == (
        slot.starts_at,
        slot.sequence,
    )
    assert last["person_id"] == first["person_id"]
    since = datetime.fromisoformat(last["at"])
    assert since == max(place.since, slot.starts_at)


async def test_who_is_away_is_said_to_be_so_by_the_new_slot_too(room: Room) -> None:
    await hear(room, BOOKED)
    me, _ = await waits(room, 1)
    await room.absences.away(me)
    room.clock.at = at(6)
    await hear(room, to(1, 5, 35))
    assert (await room.told("patient.away"))[-1]["sequence"] == 1


@pytest.mark.parametrize("change", [again(1), again(1, ends=40), off(1)])
async def test_who_waits_is_not_said_to_wait_again_when_the_slot_is_the_same_or_off(
    room: Room, change: Change
) -> None:
    await hear(room, BOOKED)
    await waits(room, 1)
    await hear(room, change)
    assert await room.said() == ["patient.waiting"]


SHUT = {
    "next week": [to(1, 7 * 24 * 60, 7 * 24 * 60 + 30)],
    "in a while": [to(1, 15, 45)],
    "off": [off(1), again(2)],
    "off, in the other order": [again(2), off(1)],
}


@pytest.mark.parametrize("changes", SHUT.values(), ids=SHUT)
async def test_a_door_that_was_opened_for_one_slot_is_not_open_for_the_next(
    room: Room, changes: Sequence[Change]
) -> None:
    """Nobody went in: the device never connected."""
    await hear(room, BOOKED)
    me, _ = await let_in(room, 2)
    room.clock.at = at(6)
    await hear(room, *changes)
    starts_at = (await visit(room)).starts_at
    assert starts_at
    room.clock.at = max(room.clock.at, starts_at)
    view = await room.lobby.view(me)
    assert (view.place.state, view.admission) == (State.IDENTIFIED, None)
    assert (await room.lobby.ask(me)).place.state is State.WAITING


async def test_a_correction_shuts_no_door(room: Room) -> None:
    await hear(room, BOOKED)
    me, _ = await let_in(room, 2)
    for correction in (again(1), again(2, ends=40), to(3, -5, 25)):
        await hear(room, correction)
        assert (await room.lobby.view(me)).admission is not None


async def test_who_is_sent_back_after_a_move_waits_since_then(room: Room) -> None:
    await hear(room, BOOKED)
    _, place = await let_in(room, 2)
    await hear(room, began(FIRST, at(2)))
    room.clock.at = at(10)
    await hear(room, to(1, 15, 45))
    room.clock.at = at(12)
    back = await room.lobby.send_back(staff(), seen(place), Reason.TECHNICAL)
    assert back.asked_at == at(12)
