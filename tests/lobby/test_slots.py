"""What the lobby hears of a time that is over changes nothing of the one that holds."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from chassis.sessions import Admission, KeySet
from contract.booking import AppointmentCancelled, AppointmentRescheduled, Change
from contract.invitation import InvitationFailed, InvitationSent, Kind
from contract.signalling import CallEnded, CallStarted, EndedBy
from contract.slot import Slot
from services.lobby import store
from services.lobby.domain import Status, Visit
from services.lobby.place import State
from tests.lobby.conftest import HALF_HOUR, TEN, Room, booking, seen, session, staff

DAY = timedelta(days=1)
TODAY, TOMORROW = Slot(TEN, 0), Slot(TEN + DAY, 1)
AGAIN = Slot(TEN, 2)
A = "a-slots"
Step = Callable[[Room], Awaitable[None]]


def moved(sequence: int, starts_at: datetime) -> AppointmentRescheduled:
    return AppointmentRescheduled(
        event_id=str(uuid4()),
        source="/test",
        appointment_id=A,
        sequence=sequence,
        starts_at=starts_at,
        ends_at=starts_at + HALF_HOUR,
    )


def off(sequence: int) -> AppointmentCancelled:
    return AppointmentCancelled(
        event_id=str(uuid4()), source="/test", appointment_id=A, sequence=sequence
    )


def began(slot: Slot | None, at: datetime = TEN) -> CallStarted:
    return CallStarted(source="/signalling", appointment_id=A, at=at).about(slot)


def over(slot: Slot | None, at: datetime) -> CallEnded:
    said = CallEnded(
        source="/signalling", appointment_id=A, at=at, ended_by=EndedBy.PROFESSIONAL
    )
    return said.about(slot)


def mail(slot: Slot, at: datetime, *, fails: bool) -> InvitationSent | InvitationFailed:
    kind = InvitationFailed if fails else InvitationSent
    said = kind(appointment_id=A, kind=Kind.INVITATION).about(slot)
    return said.told_by("invitation", at)


async def hear(room: Room, *events: object) -> None:
    for event in events:
        match event:
            case Change():
                await room.lobby.changed(event)
            case CallStarted():
                await room.lobby.call_started(event)
            case CallEnded():
                await room.lobby.call_ended(event)
            case InvitationSent():
                await room.lobby.invitation_sent(event)
            case InvitationFailed():
                await room.lobby.invitation_failed(event)


async def visit(room: Room) -> Visit:
    async with room.database.reading() as tx:
        found = await store.visit(tx, A)
    assert found is not None
    return found


async def let_in(room: Room) -> None:
    place = (await room.lobby.ask(session(A))).place
    await room.lobby.admit(staff(), seen(place))


BOOKED = booking(appointment_id=A)
MOVED = moved(1, TEN + DAY)
ORDERS = list(permutations([BOOKED, MOVED, began(TODAY)]))


@pytest.mark.parametrize("order", ORDERS)
async def test_a_call_of_the_time_before_does_not_mark_the_new_one_as_in_call(
    room: Room, order: tuple[object, ...]
) -> None:
    await hear(room, *order, *order)
    known = await visit(room)
    assert (known.in_call_since, known.starts_at) == (None, TEN + DAY)


@pytest.mark.parametrize(
    "order", list(permutations([MOVED, began(TOMORROW, TEN + DAY)]))
)
async def test_a_call_that_is_heard_of_before_its_move_counts_after_it(
    room: Room, order: tuple[object, ...]
) -> None:
    await hear(room, BOOKED, *order)
    assert (await visit(room)).in_call_since == TEN + DAY


async def test_a_call_started_is_heard_though_a_correction_came_before_it(
    room: Room,
) -> None:
    again = booking(appointment_id=A, sequence=1)
    await hear(room, BOOKED, again, began(TODAY))
    assert (await visit(room)).in_call_since == TEN


async def test_the_end_of_a_call_of_the_time_before_ends_nothing_of_the_new_one(
    room: Room,
) -> None:
    await hear(room, BOOKED, MOVED)
    room.clock.at = TEN + DAY
    await let_in(room)
    await hear(room, began(TOMORROW, room.clock()))
    await hear(room, over(TODAY, room.clock() + timedelta(minutes=1)))
    known = await visit(room)
    assert (known.status, known.in_call_since) == (Status.BOOKED, TEN + DAY)
    ((_, (place,)),) = (await room.lobby.queue(staff())).visits
    assert place.state is State.ADMITTED


async def test_who_was_in_the_call_of_a_visit_that_has_moved_leaves_with_its_end(
    room: Room,
) -> None:
    await hear(room, BOOKED)
    await let_in(room)
    await hear(room, began(TODAY), MOVED, over(TODAY, TEN + HALF_HOUR))
    async with room.database.reading() as tx:
        (place,) = await store.places(tx, A)
    assert place.state is State.LEFT
    assert (await visit(room)).status is Status.BOOKED


@pytest.mark.parametrize(
    "order", list(permutations([off(1), booking(appointment_id=A, sequence=2)]))
)
async def test_an_appointment_booked_again_begins_afresh(
    room: Room, order: tuple[object, ...]
) -> None:
    """At the same time as before, and whichever of the two is heard of first."""
    await hear(room, BOOKED)
    await let_in(room)
    await hear(room, began(TODAY), *order)
    known = await visit(room)
    assert (known.status, known.admitted_at, known.in_call_since, known.delay) == (
        Status.BOOKED,
        None,
        None,
        None,
    )


async def test_the_late_end_of_a_cancelled_call_leaves_the_new_booking_alone(
    room: Room,
) -> None:
    await hear(room, BOOKED, off(1), booking(appointment_id=A, sequence=2))
    await let_in(room)
    await hear(room, over(TODAY, TEN + timedelta(seconds=5)))
    ((_, (place,)),) = (await room.lobby.queue(staff())).visits
    assert place.state is State.ADMITTED
    assert (await visit(room)).status is Status.BOOKED


async def test_what_the_lobby_publishes_names_the_slot_and_so_does_its_admission(
    room: Room,
) -> None:
    await hear(room, BOOKED, off(1), booking(appointment_id=A, sequence=2))
    me = staff()
    await room.delays.say(me, A, 10)
    await let_in(room)
    for topic in ("appointment.delayed", "patient.waiting", "patient.admitted"):
        (said,) = await room.told(topic)
        assert (datetime.fromisoformat(said["starts_at"]), said["sequence"]) == (TEN, 2)

    async def keys() -> dict[str, list[object]]:
        return {"keys": [room.lobby.key.public]}

    token = await room.lobby.own_admission(me, A)
    checked = await KeySet(keys, room.origin, room.clock).check(token, Admission)
    assert checked.slot == AGAIN


async def test_a_no_show_names_the_slot(room: Room) -> None:
    await hear(room, BOOKED)
    room.clock.forward(hours=1)
    await room.lobby.sweep()
    (said,) = await room.told("appointment.missed")
    assert (datetime.fromisoformat(said["starts_at"]), said["sequence"]) == (TEN, 0)


MAILS = [
    mail(TODAY, TEN + timedelta(hours=2), fails=True),  # a bounce comes late
    mail(TOMORROW, TEN + timedelta(hours=1), fails=False),
    MOVED,
]


@pytest.mark.parametrize("order", list(permutations(MAILS)))
async def test_a_late_bounce_of_the_time_before_hides_no_letter_of_the_new_one(
    room: Room, order: tuple[object, ...]
) -> None:
    await hear(room, BOOKED, *order)
    assert not (await visit(room)).invitation.failed


async def test_a_sequence_may_be_as_large_as_a_clock(room: Room) -> None:
    await hear(room, booking(appointment_id=A, sequence=1_795_810_623_940))
    assert (await visit(room)).heard.times == 1_795_810_623_940
