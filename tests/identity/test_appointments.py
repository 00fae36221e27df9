"""What identity keeps of what it hears."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from itertools import permutations
from typing import Any

import asyncpg
import pytest
from jose import jwe

from contract.booking import Change
from contract.booking_full import AppointmentBookedInFull
from contract.envelope import Unreadable, Why
from contract.slot import Slot, Stamp
from services.identity import store
from services.identity.domain import Appointment, Link, Note, What
from tests.identity.conftest import Room
from tests.identity.people import (
    ADULT,
    CHILD_8,
    GUARDIAN,
    STRANGER,
    TEN,
    Clock,
    booked,
    cancelled,
    moved,
    new_appointment,
)
from tests.identity.provider import own_key

HOUR = timedelta(hours=1)


def story(appointment_id: str) -> tuple[Change, ...]:
    return (
        booked(appointment_id, 0, CHILD_8, [GUARDIAN]),
        moved(appointment_id, 1, TEN + HOUR),
        cancelled(appointment_id, 2),
        booked(appointment_id, 3, ADULT),
    )


def sealed(code: str, key: str = "encryption") -> str:
    """As a booking system may, to a key that identity publishes."""
    public = own_key(key, "enc").public
    return jwe.encrypt(code, public, "A256GCM", "RSA-OAEP-256").decode()


async def kept(room: Room, appointment_id: str) -> Appointment | None:
    async with room.database.writing() as tx:
        return await store.hold(tx, appointment_id)


def as_of(appointment: Appointment | None) -> tuple[Any, ...]:
    """Everything but its name."""
    assert appointment is not None
    return (
        appointment.heard,
        appointment.status,
        appointment.starts_at,
        appointment.ends_at,
        {(each.role, each.digest, each.birth_date) for each in appointment.attendees},
    )


async def test_events_in_any_order_and_twice_end_the_same(room: Room) -> None:
    straight = new_appointment()
    await room.hear(*story(straight))
    expected = as_of(await kept(room, straight))
    for order in permutations(range(4)):
        appointment_id = new_appointment()
        said = story(appointment_id)
        await room.hear(*(said[at] for at in order), *(said[at] for at in order[::-1]))
        assert as_of(await kept(room, appointment_id)) == expected


async def test_events_heard_at_the_same_time_all_count(room: Room) -> None:
    appointment_id = new_appointment()
    await asyncio.gather(*(room.hear(said) for said in story(appointment_id)[:3]))
    found = await kept(room, appointment_id)
    assert found is not None
    assert (found.status, found.starts_at) == ("cancelled", TEN + HOUR)
    assert len(found.attendees) == 2


async def test_a_guardian_who_is_listed_twice_is_one_guardian(room: Room) -> None:
    appointment_id = new_appointment()
    await room.hear(booked(appointment_id, 0, CHILD_8, [GUARDIAN, GUARDIAN.lower()]))
    found = await kept(room, appointment_id)
    assert found is not None
    assert len(found.attendees) == 2


@pytest.mark.parametrize(
    ("said", "where"),
    [
        (booked("unusable-1", patient="131052-308U"), "patient.national_id"),
        (booked("unusable-2", guardians=[GUARDIAN, "x"]), "guardians.1.national_id"),
        (booked("unusable-3", patient="010140A902K"), "patient.national_id"),
    ],
)
async def test_a_booking_with_an_unusable_code_is_unreadable_and_quotes_nothing(
    room: Room, said: AppointmentBookedInFull, where: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        await room.hear(said)
    assert refused.value.why is Why.NOT_AS_AGREED
    assert str(refused.value) == f"not_as_agreed: {where}"
    assert await kept(room, said.appointment_id) is None


async def test_a_code_that_is_sealed_for_us_is_read_as_if_it_were_not(
    room: Room,
) -> None:
    plain, closed = new_appointment(), new_appointment()
    await room.hear(booked(plain, 0, CHILD_8, [GUARDIAN]))
    await room.hear(booked(closed, 0, sealed(CHILD_8), [sealed(GUARDIAN)]))
    assert as_of(await kept(room, closed)) == as_of(await kept(room, plain))


@pytest.mark.parametrize(
    "code",
    [
        sealed("131052-308U"),
        sealed(sealed(ADULT)),
        sealed(ADULT, "another"),
        sealed(ADULT)[:-2] + "AA",
        "a.b.c.d.e",
    ],
)
async def test_a_sealed_code_that_cannot_be_read_is_unreadable(
    room: Room, code: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        await room.hear(booked(new_appointment(), 0, code))
    assert refused.value.__cause__ is None


async def test_neither_code_nor_name_nor_address_is_stored(room: Room) -> None:
    appointment_id = new_appointment()
    await room.hear(*story(appointment_id))
    await room.invite(appointment_id, "l" * 22)
    tables = await room.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema"
    )
    assert len(tables) >= 6
    rows = [
        str(row)
        for (table,) in tables
        for row in await room.rows(f'SELECT t::text FROM "{table}" AS t')  # noqa: S608
    ]
    everything = "\n".join(rows)
    for personal in (ADULT, CHILD_8, GUARDIAN, STRANGER, "Testi", "@", "l" * 22):
        assert personal not in everything


async def test_the_newest_word_about_a_link_counts_in_whatever_order(
    room: Room,
) -> None:
    opens = Link(new_appointment(), None)
    words = [(TEN + HOUR, TEN - 3 * HOUR), (TEN + 3 * HOUR, TEN - HOUR)]
    older = (TEN + 5 * HOUR, TEN - 2 * HOUR)
    async with room.database.writing() as tx:
        for expires_at, said_at in (*words, older):
            stamp = Stamp(None, said_at)
            await store.keep_link(tx, "d" * 64, opens, expires_at, stamp)
        assert await store.link(tx, "d" * 64, TEN + 2 * HOUR) == opens
        assert await store.link(tx, "d" * 64, TEN + 3 * HOUR) is None


@pytest.mark.parametrize("order", list(permutations([0, 2, 1])))
async def test_a_link_of_a_new_booking_opens_though_a_clock_was_behind(
    room: Room, order: tuple[int, ...]
) -> None:
    """Issued, withdrawn as it was cancelled, and issued again by another instance."""
    opens = Link(new_appointment(), None)
    digest = sha256(repr(order).encode()).hexdigest()
    words = {0: TEN + HOUR, 1: TEN - HOUR, 2: TEN + 3 * HOUR}
    async with room.database.writing() as tx:
        for sequence in (*order, *order):
            said_at = TEN - 3 * HOUR - sequence * timedelta(seconds=2)
            stamp = Stamp(Slot(TEN, sequence), said_at)
            await store.keep_link(tx, digest, opens, words[sequence], stamp)
        assert await store.link(tx, digest, TEN + 2 * HOUR) == opens


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_what_is_cancelled_and_booked_again_is_open_in_any_order(
    room: Room, order: tuple[int, ...]
) -> None:
    appointment_id = new_appointment()
    told = (
        booked(appointment_id, 0),
        cancelled(appointment_id, 1),
        booked(appointment_id, 2),
    )
    for each in (*order, *order):
        await room.hear(told[each])
    appointment = await kept(room, appointment_id)
    assert appointment is not None
    appointment.check_open(TEN)
    starts_at = appointment.starts_at
    assert starts_at is not None
    assert appointment.heard.is_over(Slot(starts_at, 0))
    assert appointment.heard.slot == Slot(starts_at, 2)


async def test_a_patients_link_that_is_withdrawn_opens_nothing(
    room: Room, clock: Clock
) -> None:
    appointment_id, link = new_appointment(), "w" * 22
    digest = sha256(link.encode()).hexdigest()
    await room.hear(booked(appointment_id))
    await room.invite(appointment_id, link)
    async with room.database.reading() as tx:
        assert await store.link(tx, digest, clock())
    await room.invite(appointment_id, link, until=clock())
    async with room.database.reading() as tx:
        assert await store.link(tx, digest, clock()) is None


async def test_what_can_no_longer_matter_is_forgotten(room: Room, clock: Clock) -> None:
    old, moved_on = new_appointment(), new_appointment()
    await room.hear(booked(old), booked(moved_on))
    await room.hear(moved(moved_on, 1, TEN + timedelta(days=39)))
    clock.forward(days=41)
    await room.appointments.forget()
    assert await kept(room, old) is None
    assert await kept(room, moved_on) is not None


async def test_a_line_of_the_audit_can_be_neither_changed_nor_removed(
    room: Room,
) -> None:
    async with room.database.writing() as tx:
        await store.note(tx, Note(TEN, What.IDENTIFIED, "someone", "a-audit"))
    for harm in (
        "UPDATE audit SET who = 'another'",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ):
        with pytest.raises(asyncpg.RaiseError, match="never touched"):
            async with room.database.writing() as tx:
                await tx.execute(harm)
