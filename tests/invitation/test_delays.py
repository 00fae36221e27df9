"""Whoever has not come is told of a delay, of the true one, and not all the time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contract.booking import AppointmentBooked
from contract.lobby import AppointmentDelayed, PatientWaiting
from contract.signalling import CallStarted
from tests.invitation.office import (
    HALF_HOUR,
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.invitation.test_companions import asking, companion, text

BEFORE = TEN - timedelta(hours=1)


def delayed(booked: AppointmentBooked, minutes: int) -> AppointmentDelayed:
    return AppointmentDelayed(
        appointment_id=booked.appointment_id, minutes=minutes, source="/lobby"
    )


def waiting(booked: AppointmentBooked, person_id: UUID | None = None) -> PatientWaiting:
    return PatientWaiting(
        appointment_id=booked.appointment_id,
        person_id=person_id or uuid4(),
        unit_id="u-1",
        at=TEN,
        source="/lobby",
    )


def started(booked: AppointmentBooked) -> CallStarted:
    return CallStarted(
        appointment_id=booked.appointment_id, at=TEN, source="/signalling"
    )


async def told(office: Office, *roles: Any) -> AppointmentBooked:
    """Booked, and everybody has been invited; it is an hour before the start."""
    booked = booking()
    said = asking(booked, *(companion(booked, each) for each in roles))
    await office.invitations.changed(said)
    await office.deliver()
    office.clock.at = BEFORE
    return said


async def late(office: Office, booked: AppointmentBooked, minutes: int) -> None:
    await office.invitations.delayed(delayed(booked, minutes))
    await office.deliver()


async def minutes_told(office: Office, booked: AppointmentBooked) -> list[int | None]:
    """Of each e-mail about a delay that the patient got."""
    return [
        each.minutes
        for each in await office.deliveries(booked.appointment_id)
        if (each.kind, each.state, each.role) == ("delay", "accepted", None)
    ]


async def test_a_delay_is_told_once(office: Office) -> None:
    booked = await told(office)
    await late(office, booked, 10)
    await late(office, booked, 10)
    assert await minutes_told(office, booked) == [10]
    mails = office.mails(email_of(booked))
    assert len(mails) == 2
    assert "10 minuter" in text(mails[1])


async def test_that_it_was_sent_is_said_as_a_delay(office: Office) -> None:
    booked = await told(office)
    await late(office, booked, 10)
    kinds = [
        said["kind"]
        for topic, said in await office.said(booked.appointment_id)
        if topic == "invitation.sent"
    ]
    assert kinds == ["invitation", "delay"]


async def test_being_on_time_all_along_is_no_news(office: Office) -> None:
    booked = await told(office)
    await late(office, booked, 0)
    assert await minutes_told(office, booked) == []


async def test_who_was_told_of_a_delay_is_told_at_once_that_it_is_none(
    office: Office,
) -> None:
    booked = await told(office)
    await late(office, booked, 20)
    office.clock.forward(minutes=1)
    await late(office, booked, 0)
    assert await minutes_told(office, booked) == [20, 0]


async def test_a_delay_that_grew_is_told_after_some_minutes_and_only_the_last(
    office: Office,
) -> None:
    booked = await told(office)
    await late(office, booked, 10)
    for minutes in (15, 20, 30):
        office.clock.forward(minutes=1)
        await late(office, booked, minutes)
    assert await minutes_told(office, booked) == [10]
    office.clock.forward(minutes=7)
    await office.deliver()
    assert await minutes_told(office, booked) == [10, 30]


async def test_a_delay_that_waits_its_turn_is_not_late(office: Office) -> None:
    booked = await told(office)
    await late(office, booked, 10)
    office.clock.forward(minutes=1)
    await late(office, booked, 20)
    assert await office.waiting_for() == timedelta()


async def test_a_delay_that_is_over_before_its_mail_left_is_not_told(
    office: Office,
) -> None:
    booked = await told(office)
    await office.invitations.delayed(delayed(booked, 10))
    await office.invitations.delayed(delayed(booked, 0))
    await office.deliver()
    assert await minutes_told(office, booked) == []


async def test_a_larger_delay_takes_the_place_of_one_that_waits(
    office: Office,
) -> None:
    booked = await told(office)
    await office.invitations.delayed(delayed(booked, 10))
    await office.invitations.delayed(delayed(booked, 20))
    await office.deliver()
    assert await minutes_told(office, booked) == [20]


@pytest.mark.parametrize("what", ["waiting", "started", "cancelled", "moved"])
async def test_no_delay_is_told_once_it_does_not_matter(
    office: Office, what: str
) -> None:
    booked = await told(office)
    await office.invitations.delayed(delayed(booked, 10))
    match what:
        case "waiting":
            await office.invitations.arrived(waiting(booked))
        case "started":
            await office.invitations.started(started(booked))
        case "cancelled":
            await office.invitations.changed(cancelled(booked, 5))
        case "moved":
            await office.invitations.changed(moved(booked, 5, hours=48))
    await office.deliver()
    assert await minutes_told(office, booked) == []


@pytest.mark.parametrize(
    "at", [TEN + timedelta(minutes=10), TEN + HALF_HOUR, TEN + timedelta(days=1)]
)
async def test_a_delay_that_is_heard_when_it_has_passed_is_not_told(
    office: Office, at: datetime
) -> None:
    booked = await told(office)
    office.clock.at = at
    await late(office, booked, 10)
    assert await minutes_told(office, booked) == []


async def test_an_appointment_that_moved_can_be_late_anew(office: Office) -> None:
    booked = await told(office)
    await office.invitations.arrived(waiting(booked))
    await late(office, booked, 10)
    await office.invitations.changed(moved(booked, 5, hours=48))
    await office.deliver()
    office.clock.at = BEFORE + timedelta(hours=48)
    await late(office, booked, 10)
    assert await minutes_told(office, booked) == [10]


async def test_a_delay_waits_for_the_invitation_itself(office: Office) -> None:
    office.clock.at = BEFORE
    booked = booking()
    await office.invitations.changed(booked)
    await office.invitations.delayed(delayed(booked, 10))
    await office.deliver()
    assert await office.states(booked.appointment_id) == [
        ("invitation", "accepted"),
        ("delay", "accepted"),
    ]


async def test_while_anybody_who_was_asked_is_missing_everybody_is_told(
    office: Office,
) -> None:
    """Who came is known by an id that says nothing of their role."""
    booked = await told(office, "interpreter")
    theirs = f"interpreter-{booked.appointment_id}@example.test"
    first = uuid4()
    await office.invitations.arrived(waiting(booked, first))
    await office.invitations.arrived(waiting(booked, first))
    await late(office, booked, 10)
    assert await minutes_told(office, booked) == [10]
    assert len(office.mails(theirs)) == 2
    await office.invitations.arrived(waiting(booked))
    office.clock.forward(minutes=11)
    await late(office, booked, 20)
    assert await minutes_told(office, booked) == [10]
    assert len(office.mails(theirs)) == 2


async def test_a_delay_heard_twice_counts_once(office: Office) -> None:
    booked = await told(office)
    long, short = delayed(booked, 20), delayed(booked, 10)
    for said in (long, short, long):
        await office.invitations.delayed(said)
    await office.deliver()
    assert await minutes_told(office, booked) == [10]


async def test_nobody_is_told_of_a_delay_where_no_mail_arrives(office: Office) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "550 5.1.1 unknown")
    await office.invitations.changed(booked)
    await office.deliver()
    office.clock.at = BEFORE
    await late(office, booked, 10)
    assert await office.states(booked.appointment_id) == [("invitation", "failed")]
