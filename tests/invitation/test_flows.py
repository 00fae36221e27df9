"""A patient hears once, and in time, what is true of their appointment."""

import asyncio
import random
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.outcome import Accepted, NotNow
from chassis.sessions import StaffSession
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Change,
    Timed,
)
from services.invitation.domain import (
    AlreadyOnItsWay,
    AppointmentIsCancelled,
    AppointmentIsOver,
    AppointmentUnknown,
)
from services.invitation.flows import LEASE
from tests.invitation.office import (
    NOON,
    Office,
    PatientsCalendar,
    booking,
    cancelled,
    email_of,
    moved,
)


def professional(office: Office, *units: str) -> StaffSession:
    return StaffSession(
        sid="s-1",
        sub="p-1",
        name="Testi-Läkare",
        units=units,
        exp=office.clock() + timedelta(1),
    )


async def test_a_booking_leads_to_one_invitation(office: Office) -> None:
    booked = await office.book()
    await office.deliver()

    assert len(office.mails(email_of(booked))) == 1
    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_the_postman_is_woken_by_a_booking(office: Office) -> None:
    await office.book()
    assert office.woken == 1


async def test_the_same_event_again_leads_to_nothing(office: Office) -> None:
    booked = await office.book()
    await office.deliver()
    await office.invitations.changed(booked)
    await office.deliver()

    assert len(office.mails(email_of(booked))) == 1
    topics = [topic for topic, _ in await office.said(booked.appointment_id)]
    assert topics == ["invitation.issued", "invitation.sent"]


async def test_a_booking_said_anew_with_nothing_new_leads_to_nothing(
    office: Office,
) -> None:
    booked = await office.book()
    await office.deliver()
    again = booked.model_copy(update={"sequence": 1, "event_id": "another"})
    await office.invitations.changed(again)
    await office.deliver()

    assert len(office.mails(email_of(booked))) == 1


async def test_only_a_digest_of_the_link_is_said(office: Office) -> None:
    booked = await office.book()
    await office.deliver()

    (_, issued), _ = await office.said(booked.appointment_id)
    token = link_in(office, booked).rpartition("/")[2].partition("?")[0]
    assert len(token) == 22
    assert issued["link_digest"] == sha256(token.encode()).hexdigest()
    assert issued["expires_at"] == "2026-11-24T08:30:00Z"


async def test_the_link_stands_in_no_table(office: Office) -> None:
    booked = await office.book()
    await office.deliver()

    token = link_in(office, booked).rpartition("/")[2].partition("?")[0]
    async with office.database.reading() as tx:
        rows = [
            str(dict(row))
            for table in ("appointment", "delivery")
            for row in await tx.fetch(f"SELECT * FROM {table}")  # noqa: S608
        ]
    assert rows
    assert token not in "".join(rows)


async def test_a_move_updates_with_the_same_link_and_a_later_end(
    office: Office,
) -> None:
    booked = await office.book()
    await office.deliver()
    before = link_in(office, booked)
    await office.invitations.changed(moved(booked, 1, hours=2))
    await office.deliver()

    assert await office.states(booked.appointment_id) == [
        ("invitation", "accepted"),
        ("update", "accepted"),
    ]
    assert link_in(office, booked, number=1) == before
    issued = [
        said["expires_at"]
        for topic, said in await office.said(booked.appointment_id)
        if topic == "invitation.issued"
    ]
    assert issued == ["2026-11-24T08:30:00Z", "2026-11-24T10:30:00Z"]


async def test_a_move_before_the_invitation_left_makes_one_invitation(
    office: Office,
) -> None:
    booked = await office.book()
    await office.invitations.changed(moved(booked, 1, hours=2))
    await office.deliver()

    assert await office.states(booked.appointment_id) == [
        ("invitation", "obsolete"),
        ("invitation", "accepted"),
    ]
    (mail,) = office.mails(email_of(booked))
    assert "12.00" in mail["Subject"]


async def test_a_booking_after_its_move_sends_one_invitation_with_the_moved_time(
    office: Office,
) -> None:
    booked = booking()
    await office.invitations.changed(moved(booked, 1, hours=2))
    await office.invitations.changed(booked)
    await office.deliver()

    (mail,) = office.mails(email_of(booked))
    assert "12.00" in mail["Subject"]


async def test_a_cancellation_is_sent_to_whom_was_invited(office: Office) -> None:
    booked = await office.book()
    await office.deliver()
    await office.invitations.changed(cancelled(booked, 1))
    await office.deliver()

    kinds = [
        said["kind"]
        for topic, said in await office.said(booked.appointment_id)
        if topic == "invitation.sent"
    ]
    assert kinds == ["invitation", "cancellation"]
    assert office.mails(email_of(booked))[1]["Subject"].startswith("Avbokad")


async def test_a_cancellation_before_the_invitation_left_sends_nothing(
    office: Office,
) -> None:
    booked = await office.book()
    await office.invitations.changed(cancelled(booked, 1))
    await office.deliver()

    assert office.mails(email_of(booked)) == []
    assert await office.states(booked.appointment_id) == [("invitation", "obsolete")]


async def test_a_booking_after_its_cancellation_sends_and_says_nothing(
    office: Office,
) -> None:
    booked = booking()
    await office.invitations.changed(cancelled(booked, 1))
    await office.invitations.changed(booked)
    await office.deliver()

    assert office.mails(email_of(booked)) == []
    assert await office.said(booked.appointment_id) == []


async def test_a_booking_that_is_over_sends_nothing(office: Office) -> None:
    office.clock.forward(days=7)
    booked = await office.book()
    await office.deliver()

    assert office.mails(email_of(booked)) == []
    assert await office.said(booked.appointment_id) == []


async def test_another_address_gets_an_invitation_with_a_link_of_its_own(
    office: Office,
) -> None:
    wrong = await office.book()
    await office.deliver()
    patient = {**wrong.patient.model_dump(mode="json"), "email": "testi@right.test"}
    right = booking(appointment_id=wrong.appointment_id, sequence=1, patient=patient)
    await office.invitations.changed(right)
    await office.deliver()

    assert await office.states(wrong.appointment_id) == [
        ("invitation", "accepted"),
        ("invitation", "accepted"),
    ]
    assert link_in(office, right) != link_in(office, wrong)
    digests = [
        said["link_digest"]
        for topic, said in await office.said(wrong.appointment_id)
        if topic == "invitation.issued"
    ]
    assert len(set(digests)) == 2


async def test_what_is_being_sent_is_waited_for_before_more_is_told(
    office: Office,
) -> None:
    booked = await office.book()
    claimed = await office.claim()
    await office.invitations.changed(cancelled(booked, 1))
    assert claimed is not None
    assert await office.claim() is None

    await office.invitations.settle(claimed, Accepted())
    await office.deliver()
    assert await office.states(booked.appointment_id) == [
        ("invitation", "accepted"),
        ("cancellation", "accepted"),
    ]


async def test_what_became_untrue_while_the_server_was_busy_is_not_tried_again(
    office: Office,
) -> None:
    booked = await office.book()
    claimed = await office.claim()
    assert claimed is not None
    await office.invitations.changed(cancelled(booked, 1))
    await office.invitations.settle(claimed, NotNow())

    assert await office.states(booked.appointment_id) == [("invitation", "obsolete")]


async def test_whoever_may_have_been_invited_hears_of_the_cancellation(
    office: Office,
) -> None:
    booked = await office.book()
    claimed = await office.claim()
    assert claimed is not None
    await office.invitations.changed(cancelled(booked, 1))
    await office.invitations.settle(claimed, NotNow(doubt=True))
    await office.deliver()

    assert await office.states(booked.appointment_id) == [
        ("invitation", "obsolete"),
        ("cancellation", "accepted"),
    ]


async def test_an_e_mail_is_claimed_once_at_a_time(office: Office) -> None:
    for _ in range(6):
        await office.book()
    claimed = await asyncio.gather(*(office.claim() for _ in range(12)))

    ids = [each.delivery.delivery_id for each in claimed if each is not None]
    assert len(ids) == len(set(ids))
    rest = await asyncio.gather(*(office.claim() for _ in range(12)))
    assert len(ids) + sum(each is not None for each in rest) == 6


async def test_who_lost_the_lease_settles_nothing(office: Office) -> None:
    booked = await office.book()
    slow = await office.claim()
    office.clock.forward(seconds=LEASE.total_seconds())
    quick = await office.claim()
    assert slow is not None
    assert quick is not None

    assert await office.invitations.settle(slow, NotNow()) is None
    await office.invitations.settle(quick, Accepted())
    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_staff_of_the_unit_have_it_sent_again(office: Office) -> None:
    booked = await office.book()
    await office.deliver()
    staff = professional(office, "u-1")
    await office.oversight.send_again(booked.appointment_id, "patient", staff)
    await office.deliver()

    first, second = office.mails(email_of(booked))
    assert first["Message-ID"] != second["Message-ID"]
    *_, again = await office.deliveries(booked.appointment_id)
    assert again.asked_by == "p-1"


async def test_of_another_units_appointment_nothing_is_known(office: Office) -> None:
    booked = await office.book()
    with pytest.raises(AppointmentUnknown):
        await office.oversight.send_again(
            booked.appointment_id, "patient", professional(office, "u-2")
        )


async def test_nothing_is_sent_again_while_it_is_on_its_way(office: Office) -> None:
    booked = await office.book()
    with pytest.raises(AlreadyOnItsWay):
        await office.oversight.send_again(
            booked.appointment_id, "patient", professional(office, "u-1")
        )


async def test_nothing_is_sent_again_of_what_is_cancelled_or_over(
    office: Office,
) -> None:
    off, over = await office.book(), await office.book()
    staff = professional(office, "u-1")
    await office.deliver()
    await office.invitations.changed(cancelled(off, 1))
    with pytest.raises(AppointmentIsCancelled):
        await office.oversight.send_again(off.appointment_id, "patient", staff)
    office.clock.forward(days=7)
    with pytest.raises(AppointmentIsOver):
        await office.oversight.send_again(over.appointment_id, "patient", staff)


async def test_an_address_is_forgotten_some_days_after_the_appointment(
    office: Office,
) -> None:
    await office.book()
    orphan = cancelled(booking(), 1)
    await office.invitations.changed(orphan)
    office.clock.forward(days=16)
    assert await office.invitations.forget() == 1  # heard of, and never booked
    office.clock.forward(days=2)
    assert await office.invitations.forget() == 1


# Any order, any repetition.


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Change], list[int]]:
    """An appointment's life in order, and the order in which it is heard."""
    booked = booking()
    life: list[Change] = [booked]
    kinds = draw(st.lists(st.sampled_from(["move", "cancel", "book"]), max_size=4))
    for sequence, kind in enumerate(kinds, start=1):
        if kind == "move":
            life.append(moved(booked, sequence, hours=sequence))
        elif kind == "cancel":
            life.append(cancelled(booked, sequence))
        else:
            life.append(_booked_anew(booked, sequence))
    heard = draw(st.permutations(range(len(life))))
    repeated = draw(st.lists(st.sampled_from(range(len(life))), max_size=3))
    places = random.Random(draw(st.integers(0, 99)))  # noqa: S311 - no secret
    for each in repeated:
        heard.insert(places.randrange(len(heard) + 1), each)
    return life, heard


def _booked_anew(booked: AppointmentBooked, sequence: int) -> AppointmentBooked:
    times = moved(booked, sequence, hours=sequence)
    told: dict[str, Any] = {
        "sequence": sequence,
        "event_id": f"{booked.event_id}-{sequence}",
        "starts_at": times.starts_at,
        "ends_at": times.ends_at,
    }
    return booked.model_copy(update=told)


def truth(life: list[Change]) -> Any:
    """When the appointment starts, or None: it is off."""
    times = [each.starts_at for each in life if isinstance(each, Timed)]
    words = [each for each in life if not isinstance(each, AppointmentRescheduled)]
    return None if isinstance(words[-1], AppointmentCancelled) else times[-1]


any_history = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@any_history
@given(history=histories())
async def test_heard_in_any_order_then_told_once(
    office: Office, history: tuple[list[Change], list[int]]
) -> None:
    life, heard = history
    for each in heard:
        await office.invitations.changed(life[each])
    await office.deliver()

    mails = office.mails(email_of(life[0]))  # type: ignore[arg-type]
    starts_at = truth(life)
    assert len(mails) == (0 if starts_at is None else 1)
    assert [event.decoded("dtstart") for event in _read(mails).events] == [
        starts_at for _ in mails
    ]


@any_history
@given(history=histories())
async def test_told_along_the_way_the_calendar_ends_true(
    office: Office, history: tuple[list[Change], list[int]]
) -> None:
    life, heard = history
    for each in heard:
        await office.invitations.changed(life[each])
        await office.deliver()
        office.clock.at = max(NOON, office.clock.at) + timedelta(seconds=1)

    events = _read(office.mails(email_of(life[0]))).events  # type: ignore[arg-type]
    starts_at = truth(life)
    expected = [] if starts_at is None else [starts_at]
    assert [event.decoded("dtstart") for event in events] == expected


def _read(mails: list[Any]) -> PatientsCalendar:
    calendar = PatientsCalendar()
    for mail in mails:
        calendar.read(mail)
    return calendar


def link_in(office: Office, booked: AppointmentBooked, number: int = 0) -> str:
    text = office.mails(email_of(booked))[number].get_body(("plain",))
    assert text is not None
    (link,) = (each for each in text.get_content().split() if "/v/" in each)
    return str(link)
