"""What is heard of a day counts for that day, in whatever order the topics are read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.booking import AppointmentBooked, AppointmentRescheduled, Change
from contract.envelope import Event
from contract.lobby import AppointmentDelayed, PatientWaiting
from contract.signalling import CallStarted
from contract.slot import Slot, SlotEvent
from services.invitation.domain import Appointment, Status
from tests.invitation.office import (
    HALF_HOUR,
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.invitation.test_companions import text
from tests.invitation.test_delays import (
    delayed,
    late,
    minutes_told,
    started,
    told,
    waiting,
)

A_WEEK = timedelta(days=7)
SOMEBODY = UUID(int=7)


def slot(starts_at: datetime, sequence: int) -> Slot:
    return Slot(starts_at, sequence)


def week_later(booked: AppointmentBooked, sequence: int = 1) -> AppointmentRescheduled:
    return moved(booked, sequence, hours=24 * 7)


def booked_anew(
    booked: AppointmentBooked, sequence: int, starts_at: datetime
) -> AppointmentBooked:
    times = {"starts_at": starts_at, "ends_at": starts_at + HALF_HOUR}
    name = {"sequence": sequence, "event_id": f"{booked.event_id}-{sequence}"}
    return booked.model_copy(update={**times, **name})


def moved_life() -> list[Event]:
    """The old day began; then it was moved, and the new one is twenty minutes late."""
    booked = booking()
    old, new = slot(TEN, 0), slot(TEN + A_WEEK, 1)
    return [
        booked,
        delayed(booked, 30).about(old),
        waiting(booked, SOMEBODY).about(old),
        started(booked).about(old),
        week_later(booked),
        delayed(booked, 45).about(new),
        delayed(booked, 20).about(new),
    ]


def booked_again_life() -> list[Event]:
    """Moved, cancelled, and booked again at the first day's time, a week later."""
    booked = booking(starts_at=TEN + A_WEEK, ends_at=TEN + A_WEEK + HALF_HOUR)
    old, between, new = slot(TEN + A_WEEK, 0), slot(TEN, 1), slot(TEN + A_WEEK, 3)
    return [
        booked,
        delayed(booked, 30).about(old),
        moved(booked, 1, hours=0),
        started(booked).about(between),
        cancelled(booked, 2),
        booked_anew(booked, 3, TEN + A_WEEK),
        delayed(booked, 20).about(new),
    ]


LIVES = [moved_life, booked_again_life]


def heard(said: Sequence[Event]) -> Appointment:
    appointment = Appointment("testi")
    for each in said:
        if isinstance(each, Change):
            appointment = appointment.after(each)
        elif isinstance(each, AppointmentDelayed):
            minutes = each.minutes
            appointment = appointment.went_on(
                each.slot, lambda now, m=minutes: replace(now, delay=m)
            )
        elif isinstance(each, PatientWaiting):
            appointment = appointment.went_on(
                each.slot, lambda now: replace(now, arrived=now.arrived | {SOMEBODY})
            )
        elif isinstance(each, CallStarted):
            appointment = appointment.went_on(
                each.slot, lambda now: replace(now, started=True)
            )
    return appointment


def keep_order_of_one_topic(order: Sequence[int], life: Sequence[Event]) -> list[Event]:
    """Kafka keeps it: of two words on one topic, the first said is the first heard."""
    waiting_: dict[str, list[Event]] = {}
    for each in life:
        waiting_.setdefault(each.topic, []).append(each)
    return [waiting_[life[at].topic].pop(0) for at in order]


@pytest.mark.parametrize("life", LIVES)
def test_all_orders_of_a_life_end_alike(life: object) -> None:
    assert callable(life)
    events: list[Event] = life()
    ends = set()
    for order in permutations(range(len(events))):
        end = heard(keep_order_of_one_topic(order, events))
        assert end.times is not None
        ends.add((end.status, end.times.starts_at, end.day, end.delay))
    ((status, starts_at, day, delay),) = ends
    assert (status, starts_at, delay) == (Status.BOOKED, TEN + A_WEEK, 20)
    assert not day.started
    assert not day.arrived


async def hear(office: Office, said: Event) -> None:
    match said:
        case Change():
            await office.invitations.changed(said)
        case AppointmentDelayed():
            await office.invitations.delayed(said)
        case PatientWaiting():
            await office.invitations.arrived(said)
        case CallStarted():
            await office.invitations.started(said)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    life=st.sampled_from(LIVES),
    order=st.permutations(range(7)),
    again=st.lists(st.integers(0, 6), max_size=3),
)
async def test_whatever_the_order_the_same_letters_are_sent_in_the_end(
    office: Office, life: object, order: list[int], again: list[int]
) -> None:
    assert callable(life)
    events: list[Event] = life()
    office.clock.at = TEN + A_WEEK - timedelta(hours=1)  # all of it after an outage
    said = keep_order_of_one_topic(order, events)
    for each in [*said, *(events[at] for at in again)]:
        await hear(office, each)
    await office.deliver()
    booked = next(each for each in events if isinstance(each, AppointmentBooked))
    sent = [
        (each.kind, each.minutes)
        for each in await office.deliveries(booked.appointment_id)
        if each.state == "accepted"
    ]
    assert sent == [("invitation", None), ("delay", 20)]
    assert "20 minuter" in text(office.mails(email_of(booked))[-1])


async def test_a_delay_of_the_old_day_heard_after_the_move_is_not_told(
    office: Office,
) -> None:
    booked = await told(office)
    await office.invitations.changed(week_later(booked, 5))
    await office.invitations.delayed(delayed(booked, 30).about(slot(TEN, 1)))
    await office.deliver()
    office.clock.at = TEN + A_WEEK - timedelta(hours=1)
    await office.deliver()
    assert await minutes_told(office, booked) == []


async def test_a_delay_of_the_new_day_heard_before_the_move_is_told_with_it(
    office: Office,
) -> None:
    booked = await told(office)
    new = slot(TEN + timedelta(hours=2), 5)
    await office.invitations.delayed(delayed(booked, 20).about(new))
    await office.deliver()
    assert await minutes_told(office, booked) == []
    await office.invitations.changed(moved(booked, 5, hours=2))
    await office.deliver()
    assert await minutes_told(office, booked) == [20]


@pytest.mark.parametrize("what", [started, waiting])
@pytest.mark.parametrize("first", ["the move", "the day"])
async def test_the_old_day_does_not_silence_the_new_one(
    office: Office, what: object, first: str
) -> None:
    booked = await told(office)
    assert callable(what)
    day: SlotEvent = what(booked).about(slot(TEN, booked.sequence))
    said: list[Event] = [week_later(booked, 5), day]
    for each in said if first == "the move" else reversed(said):
        await hear(office, each)
    await office.deliver()
    office.clock.at = TEN + A_WEEK - timedelta(hours=1)
    await late(office, booked, 25)
    assert await minutes_told(office, booked) == [25]


async def test_a_new_end_is_no_other_day(office: Office) -> None:
    booked = await told(office)
    here = slot(TEN, booked.sequence)
    office.clock.at = TEN + timedelta(minutes=1)
    await office.invitations.arrived(waiting(booked).about(here))
    longer = moved(booked, 9, hours=0).model_copy(
        update={"ends_at": TEN + 2 * HALF_HOUR}
    )
    await office.invitations.changed(longer)
    await office.deliver()
    await late(office, booked, 25)
    assert await minutes_told(office, booked) == []


async def test_what_is_said_of_a_letter_names_the_slot(office: Office) -> None:
    booked = await told(office)
    await office.invitations.changed(week_later(booked, 5))
    await office.deliver()
    last = (await office.said(booked.appointment_id))[-1][1]
    assert (last["kind"], last["sequence"]) == ("update", 5)
    assert datetime.fromisoformat(last["starts_at"]) == TEN + A_WEEK
