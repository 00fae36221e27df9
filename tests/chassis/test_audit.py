"""The audit's chain: whatever is done to it behind our back is found."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis import audit, reading_audit
from chassis.audit import Broken, Head, Line
from chassis.database import Database
from chassis.migrations import migrate
from dev import postgres as postgreses

TEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="session")
async def room(database: postgreses.Database) -> AsyncIterator[Database]:
    """A lobby's room; its audit is emptied by someone who may do anything."""
    opened = Database(SecretStr(database.services["lobby"]), "lobby", 4)
    await opened.open()
    await migrate(opened, "services.lobby.migrations")
    await harm(opened, "DELETE FROM audit", "DELETE FROM audit_seal")
    yield opened
    await opened.close()


async def harm(room: Database, *deeds: str) -> None:
    """What someone could do who owns the tables, with the triggers out of the way."""
    async with room.writing() as tx:
        for table in ("audit", "audit_seal"):
            await tx.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for each in deeds:
            await tx.execute(each)
        for table in ("audit", "audit_seal"):
            await tx.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def written(room: Database, *days: int) -> None:
    for day in days:
        async with room.writing() as tx:
            line = Line(TEN + DAY * day, "deed", f"p-{day}", "someone", f"a-{day}")
            await audit.write(tx, line)


async def verified(room: Database, noted: Head | None = None) -> Head:
    async with room.reading() as tx:
        return await audit.verify(tx, noted)


async def test_a_chain_that_nobody_touched_holds(room: Database) -> None:
    assert await verified(room) == Head(0, audit.NOTHING)
    await written(room, 1, 2, 3)
    assert (await verified(room)).number == 3


@pytest.mark.parametrize(
    ("deed", "where"),
    [
        ("UPDATE audit SET who = 'another' WHERE audit_id = 2", 2),
        ("UPDATE audit SET at = at + interval '1 s' WHERE audit_id = 2", 2),
        ("UPDATE audit SET role = 'patient' WHERE audit_id = 3", 3),
        ("DELETE FROM audit WHERE audit_id = 2", 3),
        ("DELETE FROM audit WHERE audit_id = 1", 2),
        (
            """INSERT INTO audit SELECT 5, at, what, who, whom, appointment_id, code,
               role, before, hash FROM audit WHERE audit_id = 4""",
            5,
        ),
        ("UPDATE audit SET audit_id = 9 WHERE audit_id = 4", 9),
    ],
)
async def test_a_line_changed_removed_or_put_in_is_found(
    room: Database, deed: str, where: int
) -> None:
    await written(room, 1, 2, 3, 4)
    await harm(room, deed)
    with pytest.raises(Broken) as broken:
        await verified(room)
    assert broken.value.number == where


async def test_a_chain_cut_short_or_written_anew_is_found_by_a_noted_head(
    room: Database,
) -> None:
    await written(room, 1, 2, 3)
    noted = await verified(room)
    await written(room, 4)
    assert (await verified(room, noted)).number == 4
    await harm(room, "DELETE FROM audit WHERE audit_id >= 3")
    assert (await verified(room)).number == 2
    with pytest.raises(Broken):
        await verified(room, noted)
    await written(room, 7)
    with pytest.raises(Broken):
        await verified(room, noted)


async def test_lines_kept_long_enough_go_and_the_chain_holds(room: Database) -> None:
    await written(room, 1, 2, 3, 4)
    async with room.writing() as tx:
        assert await audit.seal(tx, TEN + DAY * 3, TEN + DAY * 9) == 2
    async with room.reading() as tx:
        assert await audit.of_appointment(tx, "a-2") == []
        assert len(await audit.of_appointment(tx, "a-3")) == 1
    assert (await verified(room)).number == 5
    async with room.writing() as tx:
        assert await audit.seal(tx, TEN + DAY * 3, TEN + DAY * 9) == 0
    await written(room, 10)
    async with room.writing() as tx:
        assert await audit.seal(tx, TEN + DAY * 10, TEN + DAY * 11) == 3
    assert (await verified(room)).number == 7


async def test_the_newest_line_stays_however_old_it_is(room: Database) -> None:
    await written(room, 1)
    async with room.writing() as tx:
        assert await audit.seal(tx, TEN + DAY * 99, TEN + DAY * 99) == 0


async def test_a_seal_that_the_chain_does_not_know_is_found(room: Database) -> None:
    await written(room, 1, 2, 3)
    await harm(
        room,
        "INSERT INTO audit_seal SELECT audit_id, hash, at FROM audit WHERE audit_id = 2",
        "DELETE FROM audit WHERE audit_id <= 2",
    )
    with pytest.raises(Broken):
        await verified(room)


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE audit SET who = 'another'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_seal SET audit_id = 9",
        "DELETE FROM audit_seal",
    ],
)
async def test_lines_are_added_and_never_touched(room: Database, deed: str) -> None:
    await written(room, 1)
    with pytest.raises(asyncpg.RaiseError, match="never touched"):
        async with room.writing() as tx:
            await tx.execute(deed)


async def test_those_who_write_at_once_write_one_chain(room: Database) -> None:
    await asyncio.gather(*(written(room, day) for day in range(20)))
    assert (await verified(room)).number == 20


async def fails(room: Database) -> None:
    async with room.writing() as tx:
        await audit.write(tx, Line(TEN, "deed"))
        await tx.execute("SELECT 1 / 0")


async def test_a_deed_that_is_not_done_leaves_no_line(room: Database) -> None:
    await written(room, 1)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await fails(room)
    await written(room, 2)
    assert (await verified(room)).number == 2


async def test_the_command_reads_and_verifies(room: Database) -> None:
    await written(room, 1, 2)
    lines, status = await reading_audit.answer(room, ["--appointment", "a-1"])
    assert [json.loads(line) for line in lines] == [
        {
            "number": 1,
            "at": "2026-11-24T08:00:00.000000+00:00",
            "what": "deed",
            "who": "p-1",
            "whom": "someone",
            "appointment_id": "a-1",
        }
    ]
    for person, count in (("p-2", 1), ("someone", 2), ("nobody", 0)):
        lines, status = await reading_audit.answer(room, ["--person", person])
        assert (len(lines), status) == (count, 0)

    (line,), status = await reading_audit.answer(room, ["--verify"])
    assert (line.startswith("The chain holds. Head: 2:"), status) == (True, 0)
    head = line.rpartition(" ")[2]
    await harm(room, "UPDATE audit SET who = 'another' WHERE audit_id = 1")
    lines, status = await reading_audit.answer(room, ["--verify", "--head", head])
    assert (lines, status) == (["The chain does not hold at line 1."], 1)


def test_every_part_of_a_line_is_in_its_hash() -> None:
    line = Line(TEN, "deed")
    changed = [
        replace(line, at=TEN + DAY),
        *(
            replace(line, **{name: "x"})
            for name in ("what", "who", "whom", "appointment_id", "code", "role")
        ),
    ]
    hashes = {audit.hash_of(1, each, audit.NOTHING) for each in (line, *changed)}
    hashes |= {audit.hash_of(2, line, audit.NOTHING), audit.hash_of(1, line, b"x" * 32)}
    assert len(hashes) == len(changed) + 3
