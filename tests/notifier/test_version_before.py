"""Instances of two versions at work on the same tables, and what the older one left."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from contract.booking import AppointmentBooked
from contract.envelope import Event
from contract.slot import Slot
from dev import postgres as postgreses
from services.notifier import store
from services.notifier.message import Channel
from tests.chassis.conftest import NINE
from tests.notifier import desk as desks
from tests.notifier import version_before as before
from tests.notifier.desk import (
    HOUR,
    Desk,
    admitted_at,
    at,
    back,
    late,
    left,
    summoned,
    waiting_at,
    with_texts,
    written,
)
from tests.notifier.events import refused
from tests.notifier.test_what_still_holds import about, longer, move, with_bells
from tests.steps import migrate_until

MIGRATIONS = "services.notifier.migrations"
NEXT_WEEK = 7 * 24
LATER = Slot(NINE + NEXT_WEEK * HOUR, 1)


@pytest_asyncio.fixture(loop_scope="session")
async def earlier(postgres: postgreses.Server) -> AsyncIterator[Desk]:
    """A desk on a database that the version before has made."""
    async with postgreses.fresh_database(postgres.admin) as made:
        database = Database(SecretStr(made.services["notifier"]), "notifier")
        await database.open()
        await migrate_until(database, MIGRATIONS, "0003_doorbell")
        async with desks.desk(database) as desk:
            yield desk
        await database.close()


WHILE_SOMEBODY_WAITS = {
    "back": back(2),
    "a correction": move(0),
    "another end": longer(),
}


@pytest.mark.parametrize(
    "event", WHILE_SOMEBODY_WAITS.values(), ids=WHILE_SOMEBODY_WAITS.keys()
)
async def test_who_waits_by_what_the_version_before_heard_goes_on_ringing(
    desk: Desk, event: Event
) -> None:
    bells = with_bells(desk)
    async with desk.database.writing() as tx:
        await before.keeps(tx)
        await before.hears_of_the_door(tx, "waiting", at(1))
        await before.rings_since(tx, at(1))
    await desk.hear(event)
    (bell,) = await bells.open_at(["u1"])
    assert bell.since == at(1)


async def test_what_the_version_before_was_told_ends_a_waiting(desk: Desk) -> None:
    bells = with_bells(desk)
    await desk.hear(with_texts(), waiting_at(1))
    async with desk.database.writing() as tx:
        await before.hears_of_the_door(tx, "admitted", at(2))
    await desk.hear(move(0))
    assert await bells.open_at(["u1"]) == []


HEARD_AT_THE_DOOR = {
    "waiting": waiting_at(1),
    "back": back(1),
    "summoned": summoned(1),
    "messaged": written(1),
    "admitted": admitted_at(1),
    "refused": refused(None),
    "left": left(1),
}


@pytest.mark.parametrize("what", HEARD_AT_THE_DOOR)
async def test_the_version_before_learns_what_is_heard_at_the_door(
    desk: Desk, what: str
) -> None:
    await desk.hear(with_texts(), HEARD_AT_THE_DOOR[what], late(20, 3))
    async with desk.database.writing() as tx:
        assert await before.words(tx) == [what]


async def test_a_delay_that_the_version_before_told_is_said_to_be_over(
    desk: Desk,
) -> None:
    async with desk.database.writing() as tx:
        await before.keeps(tx)
        await before.hears_a_delay(tx, 20, at(1))
    await desk.hear(late(0, 2))
    await desk.deliver()
    assert ["håller" in each["text"] for each in desk.texts] == [True]


async def test_who_went_away_as_the_version_before_heard_is_told_that_it_is_their_turn(
    desk: Desk,
) -> None:
    async with desk.database.writing() as tx:
        await before.keeps(tx)
        await before.seats(tx, at(1), None)
        await before.seats(tx, at(1), at(2))
    await desk.hear(admitted_at(3))
    assert await desk.states(Channel.SMS) == ["admitted queued"]


async def test_a_time_that_the_version_before_has_moved_holds(desk: Desk) -> None:
    """It knows of no start, and leaves the one that was there."""
    bells = with_bells(desk)
    await desk.hear(with_texts())
    async with desk.database.writing() as tx:
        await before.keeps(tx, times=1, starts_at=NINE + HOUR, opens_at=NINE + HOUR)
    moved = Slot(NINE + HOUR, 1)
    await desk.hear(about(late(20, 1), moved), about(waiting_at(61), moved))
    assert await desk.states(Channel.SMS) == ["delay queued"]
    await desk.hear(move(sequence=2))
    (bell,) = await bells.open_at(["u1"])
    assert bell.since == at(61)
    async with desk.database.reading() as tx:
        known = await store.appointment(tx, "a-1")
    assert known is not None
    assert known.heard.slot == Slot(NINE + HOUR, 2)


@pytest.mark.parametrize("opens_at", [None, NINE], ids=["was open", "opens"])
async def test_a_delay_of_before_the_upgrade_is_worth_nothing_after_a_move(
    earlier: Desk, opens_at: datetime | None
) -> None:
    async with earlier.database.writing() as tx:
        await before.keeps(tx, opens_at=opens_at)
        await before.hears_a_delay(tx, 30, at(1))
    await migrate(earlier.database, MIGRATIONS)
    await earlier.hear(move(NEXT_WEEK), about(late(30, 2), LATER))
    await earlier.deliver()
    assert ["30 minuter" in each["text"] for each in earlier.texts] == [True]


async def test_a_delay_of_before_the_upgrade_is_over_when_it_is_over(
    earlier: Desk,
) -> None:
    async with earlier.database.writing() as tx:
        await before.keeps(tx, opens_at=NINE)
        await before.hears_a_delay(tx, 30, at(1))
    await migrate(earlier.database, MIGRATIONS)
    await earlier.hear(late(0, 2))
    await earlier.deliver()
    assert ["håller" in each["text"] for each in earlier.texts] == [True]


async def test_a_delay_of_before_does_not_come_back_with_what_is_heard_later(
    earlier: Desk,
) -> None:
    async with earlier.database.writing() as tx:
        await before.keeps(tx)
        await before.hears_a_delay(tx, 30, at(1))
    await migrate(earlier.database, MIGRATIONS)
    await earlier.hear(move(NEXT_WEEK))
    async with earlier.database.writing() as tx:
        await before.hears_of_the_door(tx, "left", at(2))
    await earlier.hear(about(late(30, 3), LATER))
    await earlier.deliver()
    assert ["30 minuter" in each["text"] for each in earlier.texts] == [True]


def booked_again() -> AppointmentBooked:
    booked = with_texts()
    assert isinstance(booked, AppointmentBooked)
    return booked.model_copy(update={"sequence": 2})


@pytest.mark.parametrize("opens_at", [None, NINE], ids=["was open", "opens"])
async def test_what_was_heard_before_a_cancellation_is_over_after_the_upgrade_too(
    earlier: Desk, opens_at: datetime | None
) -> None:
    async with earlier.database.writing() as tx:
        await before.keeps(tx, opens_at=opens_at)
        await before.hears_a_delay(tx, 30, at(1))
        await before.seats(tx, at(1), None)
        await before.hears_of_the_door(tx, "waiting", at(1))
        await before.rings_since(tx, at(1))
        await before.keeps(tx, status=1, cancelled=True)
        await before.hears_a_delay(tx, 30, at(1), told=False)
        await tx.execute("UPDATE contact SET cancelled = true")
    await migrate(earlier.database, MIGRATIONS)
    bells = with_bells(earlier)
    earlier.watch.shows = at(3)
    again = Slot(NINE, 2)
    await earlier.hear(booked_again(), about(late(30, 4), again))
    assert await bells.open_at(["u1"]) == []
    await earlier.deliver()
    assert ["30 minuter" in each["text"] for each in earlier.texts] == [True]
    await earlier.hear(about(waiting_at(5), again))
    (bell,) = await bells.open_at(["u1"])
    assert bell.since == at(5)
