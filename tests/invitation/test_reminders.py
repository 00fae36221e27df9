"""Reminders: planned with the event, true when they leave, and never one too many."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from chassis.database import Database
from contract.booking import AppointmentBooked
from services.invitation.reminders import QuietHours, Reminders
from tests.invitation import office as offices
from tests.invitation.office import (
    HALF_HOUR,
    NOON,
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.invitation.test_companions import asking, companion
from tests.invitation.test_flows import professional

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
HELSINKI = ZoneInfo("Europe/Helsinki")
QUIET = QuietHours(time(21), time(7))
BOTH = Reminders((DAY, QUARTER), QUIET, HALF_HOUR)


def finnish(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI).astimezone(UTC)


def sent(starts_at: datetime, ahead: timedelta = DAY) -> str:
    moment = BOTH.moments(starts_at)[ahead]
    return moment.astimezone(HELSINKI).isoformat(" ", "minutes")[:16]


@pytest.mark.parametrize(
    ("starts", "reminded"),
    [
        ("2026-11-23 10:00", "2026-11-22 10:00"),
        ("2026-11-23 07:00", "2026-11-22 07:00"),  # quiet until then
        ("2026-11-23 21:00", "2026-11-22 20:30"),  # quiet from then
        ("2026-11-23 23:30", "2026-11-22 20:30"),
        ("2026-11-23 06:30", "2026-11-21 20:30"),  # before the night, not in it
        ("2027-03-28 12:00", "2027-03-27 12:00"),  # 23 hours earlier
        ("2027-03-29 12:00", "2027-03-28 12:00"),
        ("2026-10-25 12:00", "2026-10-24 12:00"),  # 25 hours earlier
        ("2026-10-26 12:00", "2026-10-25 12:00"),
    ],
)
def test_a_day_ahead_is_by_the_clock_on_the_wall_and_not_in_the_night(
    starts: str, reminded: str
) -> None:
    assert sent(finnish(starts)) == reminded


@pytest.mark.parametrize(
    ("starts", "passed"),
    [
        ("2026-11-23 06:30", QUARTER),
        ("2027-03-28 04:05", QUARTER),  # the clock jumped from three to four
        ("2026-10-25 04:05", QUARTER),  # it has been three twice
    ],
)
def test_a_short_reminder_is_a_length_of_time_at_any_hour(
    starts: str, passed: timedelta
) -> None:
    starts_at = finnish(starts)
    assert starts_at - BOTH.moments(starts_at)[QUARTER] == passed


def test_a_time_that_the_wall_does_not_show_the_day_before_has_a_reminder_too() -> None:
    always = Reminders((DAY,), QuietHours(time(0), time(0)), HALF_HOUR)
    starts_at = finnish("2027-03-29 03:30")
    assert always.moments(starts_at)[DAY] == finnish("2027-03-28 04:30")


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-10-25 03:30", "2026-10-25 07:00"),  # the longer night
        ("2027-03-28 02:59", "2027-03-28 07:00"),  # the shorter
        ("2026-11-22 21:00", "2026-11-23 07:00"),
        ("2026-11-22 07:00", None),
        ("2026-11-22 20:59", None),
    ],
)
def test_quiet_hours_are_by_the_clock_in_any_night(at: str, end: str | None) -> None:
    around = QUIET.around(finnish(at))
    assert (around and around[1]) == (end and finnish(end))


def test_quiet_hours_may_lie_within_a_day() -> None:
    around = QuietHours(time(12), time(13)).around(finnish("2026-11-23 12:30"))
    assert around == (finnish("2026-11-23 12:00"), finnish("2026-11-23 13:00"))


# The same in the service.


@pytest_asyncio.fixture(loop_scope="session")
async def office(room: Database) -> AsyncIterator[Office]:
    """One that reminds a day and a quarter of an hour ahead."""
    async with room.writing() as tx:
        await tx.execute(
            "TRUNCATE appointment, companion, delivery, inbox, outbox, link_key"
        )
    async with offices.office(room, ahead=(DAY, QUARTER)) as made:
        yield made


async def kinds(office: Office, booked: AppointmentBooked) -> list[str]:
    """What was sent for this appointment, by kind, oldest first."""
    return [
        str(each.kind)
        for each in await office.deliveries(booked.appointment_id)
        if each.state == "accepted"
    ]


async def at(office: Office, moment: datetime) -> None:
    """The time is this, and everything due has been sent."""
    office.clock.at = moment
    await office.deliver()


async def test_a_reminder_comes_the_day_before_and_shortly_before(
    office: Office,
) -> None:
    booked = await office.book()
    await at(office, NOON)
    for moment in (TEN - DAY, TEN - QUARTER):
        before = len(office.mails(email_of(booked)))
        await at(office, moment - timedelta(seconds=1))
        assert len(office.mails(email_of(booked))) == before
        await at(office, moment)
        assert len(office.mails(email_of(booked))) == before + 1
    await at(office, TEN + HALF_HOUR)
    assert await kinds(office, booked) == ["invitation", "reminder", "reminder"]


async def test_a_reminder_has_the_link_and_its_own_moment(office: Office) -> None:
    booked = await office.book()
    await at(office, NOON)
    await at(office, TEN - DAY + timedelta(minutes=1))
    first, reminder = office.mails(email_of(booked))
    token = office.links.token(booked.appointment_id, booked.patient.email)
    assert token.get_secret_value() in reminder.as_string().replace("=\n", "")
    assert reminder["Date"].datetime == TEN - DAY
    assert first["Message-ID"] != reminder["Message-ID"]


async def test_what_was_booked_later_than_the_point_has_no_reminder_of_it(
    office: Office,
) -> None:
    office.clock.at = TEN - timedelta(hours=23)
    booked = await office.book()
    await office.deliver()
    await at(office, TEN - QUARTER)
    assert await office.states(booked.appointment_id) == [
        ("invitation", "accepted"),
        ("reminder", "accepted"),
    ]
    office.clock.at = TEN - timedelta(minutes=10)
    late = await office.book()
    await office.deliver()
    assert await office.states(late.appointment_id) == [("invitation", "accepted")]


async def test_a_move_makes_old_reminders_untrue_and_plans_new_ones(
    office: Office,
) -> None:
    booked = await office.book()
    await at(office, NOON)
    await office.invitations.changed(moved(booked, 1, hours=48))
    await at(office, NOON + timedelta(hours=1))
    await at(office, TEN)  # when the first time would have been
    assert await kinds(office, booked) == ["invitation", "update"]
    await at(office, TEN + timedelta(hours=48) - DAY)
    assert await kinds(office, booked) == ["invitation", "update", "reminder"]


async def test_a_cancelled_appointment_has_no_reminder(office: Office) -> None:
    booked = await office.book()
    await at(office, NOON)
    await office.invitations.changed(cancelled(booked, 1))
    await at(office, NOON)
    await at(office, TEN - DAY)
    await at(office, TEN - QUARTER)
    assert await kinds(office, booked) == ["invitation", "cancellation"]


async def test_an_update_just_sent_makes_a_reminder_needless(office: Office) -> None:
    booked = await office.book()
    await at(office, NOON)
    office.clock.at = TEN + timedelta(hours=1) - DAY - timedelta(minutes=20)
    await office.invitations.changed(moved(booked, 1, hours=1))
    await office.deliver()
    await at(office, TEN + timedelta(hours=1) - DAY)
    assert await kinds(office, booked) == ["invitation", "update"]
    await at(office, TEN + timedelta(hours=1) - QUARTER)
    assert await kinds(office, booked) == ["invitation", "update", "reminder"]


async def test_while_the_invitation_itself_is_on_its_way_no_reminder_overtakes_it(
    office: Office,
) -> None:
    office.clock.at = TEN - DAY - timedelta(minutes=5)
    booked = booking()
    office.server.answers(email_of(booked), *["451 4.7.1 later"] * 6)
    await office.invitations.changed(booked)
    await office.deliver()
    await at(office, TEN - DAY)
    for _ in range(6):
        await at(office, office.clock.at + timedelta(hours=1))
    assert await kinds(office, booked) == ["invitation"]


async def test_who_could_not_be_reached_is_not_reminded(office: Office) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "550 5.1.1 unknown")
    await office.invitations.changed(booked)
    await office.deliver()
    await at(office, TEN - DAY)
    assert await office.states(booked.appointment_id) == [
        ("invitation", "failed"),
        ("reminder", "obsolete"),
        ("reminder", "queued"),
    ]


async def test_a_reminder_that_is_late_comes_unless_the_next_one_is_due(
    office: Office,
) -> None:
    late, too_late = await office.book(), await office.book()
    await at(office, NOON)
    await at(office, TEN - timedelta(hours=2))  # nobody delivered for a day
    assert await kinds(office, late) == ["invitation", "reminder"]
    assert await kinds(office, too_late) == ["invitation", "reminder"]
    await at(office, TEN - QUARTER)
    assert await kinds(office, late) == ["invitation", "reminder", "reminder"]


async def test_only_the_newest_of_two_late_reminders_comes(office: Office) -> None:
    booked = await office.book()
    await at(office, NOON)
    await at(office, TEN - timedelta(minutes=5))
    assert await office.states(booked.appointment_id) == [
        ("invitation", "accepted"),
        ("reminder", "obsolete"),
        ("reminder", "accepted"),
    ]


async def test_no_reminder_comes_once_the_appointment_has_begun(office: Office) -> None:
    booked = await office.book()
    await at(office, NOON)
    await at(office, TEN)
    assert await kinds(office, booked) == ["invitation"]


async def test_a_late_reminder_does_not_disturb_the_night(office: Office) -> None:
    starts_at = finnish("2026-11-24 15:00")
    booked = await office.book(starts_at=starts_at, ends_at=starts_at + HALF_HOUR)
    await at(office, NOON)
    await at(office, finnish("2026-11-23 23:00"))
    assert await kinds(office, booked) == ["invitation"]
    await at(office, finnish("2026-11-24 07:00"))
    assert await kinds(office, booked) == ["invitation", "reminder"]


async def test_companions_are_reminded_too(office: Office) -> None:
    booked = booking()
    await office.invitations.changed(asking(booked, companion(booked, "interpreter")))
    await at(office, NOON)
    await at(office, TEN - DAY)
    await at(office, TEN - QUARTER)
    theirs = office.mails(f"interpreter-{booked.appointment_id}@example.test")
    assert len(theirs) == 3
    assert len(office.mails(email_of(booked))) == 3


async def test_a_companion_who_is_asked_no_longer_is_not_reminded(
    office: Office,
) -> None:
    booked = booking()
    said = asking(booked, companion(booked, "interpreter"))
    await office.invitations.changed(said)
    await at(office, NOON)
    await office.invitations.changed(asking(said))
    await at(office, NOON)
    await at(office, TEN - DAY)
    theirs = office.mails(f"interpreter-{booked.appointment_id}@example.test")
    assert len(theirs) == 2  # asked, and asked no longer
    assert len(office.mails(email_of(booked))) == 2


async def test_a_reminder_that_is_planned_is_not_late(office: Office) -> None:
    await office.book()
    await at(office, NOON)
    office.clock.at = TEN - DAY - timedelta(seconds=1)
    assert await office.waiting_for() == timedelta()
    office.clock.at = TEN - DAY + timedelta(minutes=11)
    assert await office.waiting_for() == timedelta(minutes=11)


async def test_another_instance_sends_what_the_first_one_planned(
    office: Office, room: Database
) -> None:
    booked = await office.book()
    await at(office, NOON)
    office.clock.at = TEN - DAY
    async with offices.office(room, ahead=(DAY, QUARTER)) as other:
        other.clock.at = TEN - DAY
        claimed = [await other.claim(), await office.claim()]
        assert [each is not None for each in claimed] == [True, False]
        assert claimed[0] is not None
        assert claimed[0].appointment.appointment_id == booked.appointment_id


async def test_a_distance_that_is_set_no_longer_sends_nothing(
    office: Office, room: Database
) -> None:
    booked = await office.book()
    await at(office, NOON)
    async with offices.office(room, ahead=(QUARTER,)) as other:
        await at(other, TEN - DAY)
        assert other.mails(email_of(booked)) == []
        await at(other, TEN - QUARTER)
        assert len(other.mails(email_of(booked))) == 1


async def test_a_reminder_that_is_planned_does_not_keep_staff_from_sending_again(
    office: Office,
) -> None:
    booked = await office.book()
    await at(office, NOON)
    staff = professional(office, "u-1")
    await office.oversight.send_again(booked.appointment_id, "patient", staff)
    await office.deliver()
    assert await kinds(office, booked) == ["invitation", "invitation"]
    await at(office, TEN - DAY)
    assert await kinds(office, booked) == ["invitation", "reminder", "invitation"]
