import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from contract.booking import AppointmentCancelled, AppointmentRescheduled
from contract.identity import PatientIdentified, Role
from contract.invitation import InvitationFailed, InvitationSent
from contract.signalling import CallEnded, CallStarted, EndedBy
from services.lobby import store
from services.lobby.domain import Status
from services.lobby.place import (
    Ahead,
    Reason,
    State,
)
from services.lobby.refusals import (
    AppointmentIsCancelled,
    NobodyThere,
    NotOpenYet,
    NoVisit,
    SomeoneWasFirst,
)
from tests.lobby.conftest import FIRST_SLOT, HALF_HOUR, TEN, Room, seen, session, staff


async def test_asking_before_the_start_is_refused_by_our_clock(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    room.clock.forward(seconds=-1)
    with pytest.raises(NotOpenYet):
        await room.lobby.ask(me)
    assert not (await room.lobby.view(me)).can_ask
    room.clock.forward(seconds=1)
    assert (await room.lobby.view(me)).can_ask
    assert (await room.lobby.ask(me)).place.state is State.WAITING
    assert await room.said() == ["patient.waiting"]


async def test_a_place_survives_reload_second_tab_and_repeated_events(
    room: Room,
) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    first = await room.lobby.ask(me)
    room.clock.forward(minutes=3)
    identified = PatientIdentified(
        event_id="again",
        source="/identity",
        appointment_id=said.appointment_id,
        person_id=UUID(me.sub),
        role=Role.PATIENT,
        name=me.name,
        birth_year=me.birth_year,
        method=me.method,
        at=TEN,
    )
    await room.lobby.welcomed(identified)
    await room.lobby.welcomed(identified)
    second = await room.lobby.ask(me)
    assert second.place == first.place
    assert await room.said() == ["patient.waiting"]


async def test_whoever_identified_shows_in_the_queue_before_asking(room: Room) -> None:
    said = await room.booked()
    await room.lobby.welcomed(
        PatientIdentified(
            appointment_id=said.appointment_id,
            person_id=uuid4(),
            role=Role.GUARDIAN,
            name=SecretStr("Testi-Huoltaja"),
            birth_year=1985,
            method="suomifi",
            at=TEN,
        )
    )
    [(_, [place])] = (await room.lobby.queue(staff())).visits
    assert (place.state, place.person.role) == (State.IDENTIFIED, Role.GUARDIAN)


async def test_identified_before_the_booking_is_heard_is_not_lost(room: Room) -> None:
    me = session("a-early")
    with pytest.raises(NoVisit):
        await room.lobby.view(me)
    await room.booked(appointment_id="a-early")
    assert (await room.lobby.view(me)).place.state is State.IDENTIFIED


async def test_of_two_professionals_at_once_one_admits(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    place = (await room.lobby.ask(me)).place
    tries = await asyncio.gather(
        *(
            room.lobby.admit(staff(who), seen(place))
            for who in ("p-1", "p-2", "p-3", "p-4")
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, SomeoneWasFirst) for each in tries) == 3
    assert (await room.said()).count("patient.admitted") == 1
    assert (await room.lobby.view(me)).admission is not None


async def test_another_unit_sees_nothing_and_can_do_nothing(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    place = (await room.lobby.ask(me)).place
    stranger = staff("p-9", "unit-2")
    assert (await room.lobby.queue(stranger)).visits == []
    with pytest.raises(NobodyThere):
        await room.lobby.admit(stranger, seen(place))
    with pytest.raises(NobodyThere):
        await room.lobby.own_admission(stranger, said.appointment_id)


async def test_cancelled_while_waiting_shows_and_cannot_be_admitted(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    place = (await room.lobby.ask(me)).place
    await room.lobby.changed(
        AppointmentCancelled(appointment_id=said.appointment_id, sequence=1)
    )
    assert (await room.lobby.view(me)).visit.status is Status.CANCELLED
    with pytest.raises(AppointmentIsCancelled):
        await room.lobby.admit(staff(), seen(place))
    with pytest.raises(AppointmentIsCancelled):
        await room.lobby.ask(me)


async def test_moved_while_waiting_the_place_waits_for_the_new_start(
    room: Room,
) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    await room.lobby.ask(me)
    await room.lobby.changed(
        AppointmentRescheduled(
            appointment_id=said.appointment_id,
            sequence=1,
            starts_at=TEN + HALF_HOUR,
            ends_at=TEN + 2 * HALF_HOUR,
        )
    )
    view = await room.lobby.view(me)
    assert (view.place.state, view.can_ask) == (State.IDENTIFIED, False)
    room.clock.forward(minutes=30)
    assert (await room.lobby.ask(me)).place.state is State.WAITING


async def test_refused_and_returned_tell_why(room: Room) -> None:
    said = await room.booked()
    me, nurse = session(said.appointment_id), staff()
    place = (await room.lobby.ask(me)).place
    place = await room.lobby.refuse(nurse, seen(place), Reason.WRONG_TIME)
    assert (await room.lobby.view(me)).place.reason is Reason.WRONG_TIME
    place = (await room.lobby.ask(me)).place
    place = await room.lobby.admit(nurse, seen(place))
    await room.lobby.send_back(nurse, seen(place), Reason.TECHNICAL)
    view = await room.lobby.view(me)
    assert (view.place.state, view.place.reason) == (State.WAITING, Reason.TECHNICAL)
    assert view.admission is None
    assert await room.said() == [
        "patient.waiting",
        "patient.refused",
        "patient.waiting",
        "patient.admitted",
        "patient.returned",
    ]


async def test_after_the_call_the_professional_ended_one_may_ask_again(
    room: Room,
) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    place = (await room.lobby.ask(me)).place
    await room.lobby.admit(staff(), seen(place))
    await room.lobby.call_started(
        CallStarted(appointment_id=said.appointment_id, at=TEN)
    )
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    assert visit.in_call_since == TEN
    room.clock.forward(minutes=10)
    await room.lobby.call_ended(
        CallEnded(
            appointment_id=said.appointment_id,
            at=room.clock(),
            seconds=600,
            ended_by=EndedBy.PROFESSIONAL,
        )
    )
    view = await room.lobby.view(me)
    assert (view.visit.status, view.place.state) == (Status.ENDED, State.LEFT)
    assert view.can_ask
    assert (await room.lobby.ask(me)).place.state is State.WAITING


async def test_the_end_of_an_earlier_call_does_not_put_out_who_was_let_in_since(
    room: Room,
) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    room.clock.forward(minutes=5)
    place = (await room.lobby.ask(me)).place
    await room.lobby.admit(staff(), seen(place))
    late = CallEnded(appointment_id=said.appointment_id, at=TEN)
    await room.lobby.call_ended(late)
    assert (await room.lobby.view(me)).place.state is State.ADMITTED


async def test_how_many_are_before_you_counts_the_same_professional_only(
    room: Room,
) -> None:
    other = {"professional": {"id": "p-2", "name": "Testi-Two"}}
    bookings = [
        await room.booked(),
        await room.booked(**other),
        await room.booked(),
    ]
    views = []
    for said in bookings:
        views.append(await room.lobby.ask(session(said.appointment_id)))
        room.clock.forward(seconds=10)
    assert [view.ahead for view in views] == [Ahead.NEXT, Ahead.NEXT, Ahead.FEW]


async def test_who_brings_a_companion_is_one_in_the_line(room: Room) -> None:
    for _ in range(2):
        said = await room.booked()
        for role in ("patient", "interpreter"):
            await room.lobby.ask(session(said.appointment_id, role=role))
    room.clock.forward(seconds=10)
    mine = session((await room.booked()).appointment_id)
    assert (await room.lobby.ask(mine)).ahead is Ahead.FEW


async def test_an_appointment_to_which_nobody_came_is_missed_once(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    await room.lobby.view(me)  # identified, and no more
    room.clock.forward(minutes=45)
    await room.lobby.sweep()
    assert (await room.said()) == []
    room.clock.forward(seconds=1)
    await room.lobby.sweep()
    await room.lobby.sweep()
    assert await room.said() == ["appointment.missed"]
    assert (await room.lobby.view(me)).visit.status is Status.MISSED


@pytest.mark.parametrize("then", ["wait", "leave", "be_refused"])
async def test_who_asked_to_join_and_was_never_let_in_did_not_stay_away(
    room: Room, then: str
) -> None:
    me, place = await room.waiting()
    match then:
        case "leave":
            await room.lobby.leave(me)
        case "be_refused":
            await room.lobby.refuse(staff(), seen(place), Reason.NOT_READY)
    room.clock.forward(minutes=46)
    await room.lobby.sweep()
    await room.lobby.sweep()
    said = await room.said()
    assert said[-1] == "appointment.unserved"
    assert "appointment.missed" not in said
    assert said.count("appointment.unserved") == 1
    view = await room.lobby.view(me)
    assert view.visit.status is Status.UNSERVED
    assert not view.can_ask
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    assert visit.status is Status.UNSERVED


async def test_the_booking_system_hears_since_when_they_had_waited(room: Room) -> None:
    me, place = await room.waiting()
    room.clock.forward(minutes=3)
    await room.lobby.leave(me)
    room.clock.forward(minutes=4)
    await room.lobby.ask(me)
    room.clock.forward(minutes=46)
    await room.lobby.sweep()
    heard = await room.told("appointment.unserved")
    assert heard == [
        {
            "appointment_id": me.appointment,
            **FIRST_SLOT,
            "at": _wire(room.clock()),
            "waiting_since": _wire(place.since),
        }
    ]


async def test_an_interpreter_who_waited_alone_is_no_visit(room: Room) -> None:
    them = session((await room.booked()).appointment_id, role="interpreter")
    await room.lobby.ask(them)
    room.clock.forward(minutes=46)
    await room.lobby.sweep()
    assert (await room.said())[-1] == "appointment.missed"


async def test_who_waited_before_a_move_has_not_waited_for_the_new_time(
    room: Room,
) -> None:
    me, _ = await room.waiting()
    later = TEN + timedelta(days=1)
    moved = AppointmentRescheduled(
        source="/test",
        appointment_id=me.appointment,
        sequence=1,
        starts_at=later,
        ends_at=later + HALF_HOUR,
    )
    await room.lobby.changed(moved)
    room.clock.at = later + timedelta(minutes=46)
    await room.lobby.sweep()
    assert (await room.said())[-1] == "appointment.missed"


async def test_an_appointment_that_moves_while_it_is_being_closed_is_not_closed(
    room: Room,
) -> None:
    """The sweep has found it, and waits for its row while the move holds it."""
    said = await room.booked()
    room.clock.forward(minutes=46)
    async with room.database.writing() as tx:
        visit = await store.hold_visit(tx, said.appointment_id)
        sweeping = asyncio.create_task(room.lobby.sweep())
        await _until_it_waits(room)
        day = timedelta(days=1)
        tomorrow = replace(visit, starts_at=TEN + day, ends_at=TEN + day + HALF_HOUR)
        await store.save_visit(tx, tomorrow)
    await sweeping
    assert await room.said() == []


async def test_the_line_is_one_for_the_patients_and_the_professional(
    room: Room,
) -> None:
    """By the appointment's time, then by who asked first, whoever was sent back or left."""
    ten, quarter = TEN, TEN + timedelta(minutes=15)
    room.clock.forward(minutes=20)
    late, _ = await room.waiting(starts_at=quarter, ends_at=quarter + HALF_HOUR)
    room.clock.forward(minutes=1)
    first, place = await room.waiting(starts_at=ten)
    room.clock.forward(minutes=1)
    second, _ = await room.waiting(starts_at=ten)

    async def order() -> list[str]:
        told = (await room.lobby.queue(staff())).visits
        waiting = [
            visit.appointment_id
            for visit, there in told
            if any(each.state is State.WAITING for each in there)
        ]
        bands = {
            each.appointment: (await room.lobby.view(each)).ahead
            for each in (first, second, late)
        }
        assert bands[waiting[0]] is Ahead.NEXT
        assert [bands[each] for each in waiting[1:]] == [Ahead.FEW] * len(waiting[1:])
        return waiting

    mine = [first.appointment, second.appointment, late.appointment]
    assert await order() == mine
    room.clock.forward(minutes=1)
    admitted = await room.lobby.admit(staff(), seen(place))
    await room.lobby.send_back(staff(), seen(admitted), Reason.TECHNICAL)
    assert await order() == mine
    room.clock.forward(minutes=1)
    await room.lobby.leave(first)
    await room.lobby.ask(first)
    assert await order() == mine


async def test_an_interpreter_who_was_let_in_alone_is_no_visit(room: Room) -> None:
    said = await room.booked()
    them = session(said.appointment_id, role="interpreter")
    place = (await room.lobby.ask(them)).place
    await room.lobby.admit(staff(), seen(place))
    room.clock.forward(minutes=46)
    await room.lobby.sweep()
    assert (await room.said())[-1] == "appointment.missed"


async def test_a_patient_and_an_interpreter_are_let_in_one_by_one(room: Room) -> None:
    said = await room.booked()
    patient = session(said.appointment_id)
    interpreter = session(said.appointment_id, role="interpreter")
    places = [(await room.lobby.ask(each)).place for each in (patient, interpreter)]
    await room.lobby.admit(staff(), seen(places[1]))
    assert (await room.lobby.view(patient)).place.state is State.WAITING
    await room.lobby.admit(staff(), seen(places[0]))
    [(visit, there)] = (await room.lobby.queue(staff())).visits
    assert {each.person.role: each.state for each in there} == {
        Role.PATIENT: State.ADMITTED,
        Role.INTERPRETER: State.ADMITTED,
    }
    assert visit.admitted_at == TEN


async def test_presence_expires_and_the_place_stays(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    await room.lobby.ask(me)
    key = (said.appointment_id, UUID(me.sub))
    assert key in (await room.lobby.queue(staff())).present
    room.clock.forward(seconds=21)
    queue = await room.lobby.queue(staff())
    assert key not in queue.present
    assert queue.visits[0][1][0].state is State.WAITING


async def test_a_failed_invitation_shows_in_the_queue(room: Room) -> None:
    said = await room.booked()
    await room.lobby.invitation_failed(
        InvitationFailed(appointment_id=said.appointment_id, kind="invitation")
    )
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    assert visit.invitation.failed


async def test_a_companions_invitation_that_failed_is_not_the_patients(
    room: Room,
) -> None:
    said = await room.booked()
    await room.lobby.invitation_failed(
        InvitationFailed(
            appointment_id=said.appointment_id, kind="invitation", role="interpreter"
        )
    )
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    assert not visit.invitation.failed


async def test_a_later_message_that_went_clears_the_failure_in_whatever_order_heard(
    room: Room,
) -> None:
    said = await room.booked()
    failed = InvitationFailed(
        appointment_id=said.appointment_id, kind="invitation", reason="mailbox_unknown"
    ).told_by("invitation", TEN)
    sent = InvitationSent(appointment_id=said.appointment_id, kind="update").told_by(
        "invitation", TEN + timedelta(minutes=1)
    )
    await room.lobby.invitation_failed(failed)
    assert await invitation(room) == (True, "mailbox_unknown")
    await room.lobby.invitation_sent(sent)
    assert await invitation(room) == (False, None)
    late = failed.model_copy(update={"event_id": "heard after what came after it"})
    await room.lobby.invitation_failed(late)
    assert await invitation(room) == (False, None)


async def test_a_report_that_comes_back_after_the_message_went_is_a_failure(
    room: Room,
) -> None:
    said = await room.booked()
    about = {"appointment_id": said.appointment_id, "kind": "invitation"}
    await room.lobby.invitation_sent(InvitationSent(**about).told_by("invitation", TEN))
    bounced = InvitationFailed(**about, reason="mailbox_full")
    await room.lobby.invitation_failed(
        bounced.told_by("invitation", TEN + timedelta(minutes=2))
    )
    companions = InvitationSent(**about, role="interpreter")
    await room.lobby.invitation_sent(
        companions.told_by("invitation", TEN + timedelta(minutes=3))
    )
    assert await invitation(room) == (True, "mailbox_full")


async def invitation(room: Room) -> tuple[bool, str | None]:
    """Whether it failed and why, as the queue has it."""
    [(visit, _)] = (await room.lobby.queue(staff())).visits
    return visit.invitation.failed, visit.invitation.reason


async def test_the_queue_shows_today_in_finnish_time(room: Room) -> None:
    late = TEN.replace(hour=21, minute=45)  # a quarter to midnight in Finland
    after = late + timedelta(minutes=30)  # the next day there, the same day in UTC
    for starts_at in (late, after):
        await room.booked(starts_at=starts_at, ends_at=starts_at + HALF_HOUR)
    visits = (await room.lobby.queue(staff())).visits
    assert [visit.starts_at for visit, _ in visits] == [late]


async def test_checks_are_kept_with_the_place(room: Room) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    await room.lobby.checked(me, {"camera": "pass", "network": "fail"})
    [(_, [place])] = (await room.lobby.queue(staff())).visits
    assert dict(place.checks) == {"camera": "pass", "network": "fail"}


async def test_the_audit_trail_says_who_admitted_whom_and_cannot_be_changed(
    room: Room,
) -> None:
    said = await room.booked()
    me = session(said.appointment_id)
    place = (await room.lobby.ask(me)).place
    await room.lobby.admit(staff(), seen(place))
    async with room.database.reading() as tx:
        row = await tx.fetchrow(
            "SELECT who, what, whom FROM audit WHERE appointment_id = $1",
            said.appointment_id,
        )
    assert tuple(row) == ("p-1", "patient.admitted", me.sub)
    with pytest.raises(Exception, match="never touched"):
        async with room.database.writing() as tx:
            await tx.execute("DELETE FROM audit")


async def test_old_visits_are_forgotten_with_their_places(room: Room) -> None:
    said = await room.booked()
    await room.lobby.ask(session(said.appointment_id))
    room.clock.forward(days=31)
    await room.lobby.sweep()
    async with room.database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM visit") == 0
        assert await tx.fetchval("SELECT count(*) FROM place") == 0


def _wire(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def _until_it_waits(room: Room) -> None:
    """Until another transaction waits for a lock of ours."""
    async with asyncio.timeout(5):
        while not await _waits(room):  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def _waits(room: Room) -> bool:
    async with room.database.reading() as tx:
        waits: bool = await tx.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        )
    return waits
