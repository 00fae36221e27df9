import asyncio

import pytest

from chassis import inbox
from chassis.database import Database
from contract.lobby import AppointmentDelayed


def _said(event_id: str = "1", source: str = "/lobby") -> AppointmentDelayed:
    return AppointmentDelayed(
        event_id=event_id, source=source, appointment_id="a-1", minutes=10
    )


async def test_an_event_is_acted_on_once(room: Database) -> None:
    acted = []
    for _ in range(3):
        async with room.writing() as tx:
            acted.append(await inbox.first_sight(tx, _said()))
    assert acted == [True, False, False]


async def test_the_same_event_at_the_same_moment_is_acted_on_once(
    room: Database,
) -> None:
    async def hear() -> bool:
        async with room.writing() as tx:
            return await inbox.first_sight(tx, _said())

    assert sum(await asyncio.gather(*(hear() for _ in range(8)))) == 1


async def test_an_act_that_fails_may_be_tried_again(room: Database) -> None:
    async def fail_halfway() -> None:
        async with room.writing() as tx:
            await inbox.first_sight(tx, _said())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_halfway()
    async with room.writing() as tx:
        assert await inbox.first_sight(tx, _said())


async def test_speakers_may_use_the_same_id(room: Database) -> None:
    async with room.writing() as tx:
        assert await inbox.first_sight(tx, _said())
        assert await inbox.first_sight(tx, _said(source="/signalling"))


async def test_old_notes_are_dropped_and_young_ones_kept(room: Database) -> None:
    async with room.writing() as tx:
        await inbox.first_sight(tx, _said("old"))
        await tx.execute("UPDATE inbox SET heard_at = now() - interval '31 days'")
        await inbox.first_sight(tx, _said("young"))
        await inbox.forget(tx)
        assert not await inbox.first_sight(tx, _said("young"))
        assert await inbox.first_sight(tx, _said("old"))
