import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from chassis.database import Database
from chassis.refusal import Unavailable
from tests.chassis import proxy

PATIENCE = 20


async def test_the_readers_door_cannot_write(room: Database) -> None:
    async with room.reading() as tx:
        with pytest.raises(Exception, match="read-only transaction"):
            await tx.fetchval(
                "INSERT INTO inbox (source, event_id) VALUES ('a', 'b') RETURNING true"
            )


async def test_all_that_is_read_together_is_of_one_moment(room: Database) -> None:
    """Else an end may be read beside what was true before it."""
    count = "SELECT count(*) FROM inbox"
    async with room.reading() as tx:
        before = await tx.fetchval(count)
        async with room.writing() as other:
            await other.execute(
                "INSERT INTO inbox (source, event_id) VALUES ('a', 'meanwhile')"
            )
        assert await tx.fetchval(count) == before
    async with room.reading() as tx:
        assert await tx.fetchval(count) == before + 1


async def test_what_fails_halfway_leaves_nothing(room: Database) -> None:
    async def fail_halfway() -> None:
        async with room.writing() as tx:
            await tx.execute("INSERT INTO inbox (source, event_id) VALUES ('a', 'b')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_halfway()
    async with room.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM inbox") == 0


async def test_a_service_sees_its_own_schema_and_no_other(room: Database) -> None:
    async with room.reading() as tx:
        assert await tx.fetchval("SELECT current_schema") == "lobby"
    async with room.writing() as tx:
        with pytest.raises(Exception, match="permission denied for schema identity"):
            await tx.execute("CREATE TABLE identity.mine (id int)")


async def test_times_come_back_in_utc(room: Database) -> None:
    async with room.reading() as tx:
        at: datetime = await tx.fetchval("SELECT timestamptz '2026-11-23 10:00+02'")
    assert at == datetime(2026, 11, 23, 8, tzinfo=UTC)


async def test_a_database_that_is_away_is_unavailable_and_comes_back(
    lobby: str,
) -> None:
    async with proxy.before(lobby) as (door, address):
        database = Database(SecretStr(address), "lobby")
        await database.open()
        await door.shut()
        with pytest.raises(Unavailable):
            async with database.reading() as tx:
                await tx.fetchval("SELECT 1")
        with pytest.raises(Unavailable):
            async with database.writing() as tx:
                await tx.fetchval("SELECT 1")
        await door.open()
        async with database.writing() as tx:
            assert await tx.fetchval("SELECT 1") == 1
        await database.close()


async def test_opening_waits_until_the_database_is_there(lobby: str) -> None:
    async with proxy.before(lobby) as (door, address):
        await door.shut()
        database = Database(SecretStr(address), "lobby")
        opening = asyncio.create_task(database.open())
        with pytest.raises(Unavailable):
            async with database.reading():
                pass
        assert not opening.done()
        await door.open()
        await asyncio.wait_for(opening, PATIENCE)
        async with database.reading() as tx:
            assert await tx.fetchval("SELECT 1") == 1
        await database.close()


async def test_a_value_that_does_not_fit_is_no_outage(room: Database) -> None:
    """An outage is waited for, and this would be waited for until the end of time."""
    with pytest.raises(Exception, match="out of") as wrong:
        async with room.writing() as tx:
            await tx.fetchval("SELECT $1::int", 10**30)
    assert not isinstance(wrong.value, Unavailable)


async def test_a_mistake_of_ours_is_no_outage(room: Database) -> None:
    with pytest.raises(Exception) as wrong:  # noqa: PT011 - any but that one
        async with room.writing() as tx:
            await tx.fetchval("SELECT $1::int")
    assert not isinstance(wrong.value, Unavailable)


async def test_a_listener_hears_what_was_committed(room: Database) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with room.listening("lobby_news", heard.put_nowait):
        async with room.writing() as tx:
            await tx.execute("SELECT pg_notify('lobby_news', 'a-1')")
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "a-1"


async def test_a_listener_is_woken_when_its_connection_breaks(lobby: str) -> None:
    woken = asyncio.Event()
    async with proxy.before(lobby) as (door, address):
        database = Database(SecretStr(address), "lobby")

        async def listen_at_a_shut_door() -> None:
            async with database.listening("news", lambda _: woken.set()) as conn:
                await door.shut()
                await asyncio.wait_for(woken.wait(), PATIENCE)
                await conn.fetchval("SELECT 1")

        with pytest.raises(Unavailable):
            await listen_at_a_shut_door()
