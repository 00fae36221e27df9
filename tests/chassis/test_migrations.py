import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from chassis.database import Database
from chassis.migrations import ChangedAfterRelease, migrate
from tests.chassis import proxy

FIRST = "CREATE TABLE chair (id int); INSERT INTO chair VALUES (1);"
Steps = Callable[[str, str], None]


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Writes steps of a package called `steps_of_a_test`."""
    package = tmp_path / "steps_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, sql: str) -> None:
        (package / name).write_text(sql)

    yield write
    sys.modules.pop("steps_of_a_test", None)


async def _chairs(database: Database) -> int:
    async with database.reading() as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM chair")
        return count


async def test_each_step_is_taken_once_in_the_order_of_numbers(
    room: Database, steps: Steps
) -> None:
    steps("0002_more.sql", "INSERT INTO chair VALUES (2), (3)")
    steps("0001_chairs.sql", FIRST)
    assert await migrate(room, "steps_of_a_test") == [
        "steps_of_a_test/0001_chairs.sql",
        "steps_of_a_test/0002_more.sql",
    ]
    assert await migrate(room, "steps_of_a_test") == []
    assert await _chairs(room) == 3


async def test_instances_that_start_together_take_each_step_once(
    lobby: str, steps: Steps
) -> None:
    steps("0001_chairs.sql", FIRST)
    databases = [Database(SecretStr(lobby), "lobby", size=2) for _ in range(5)]
    for each in databases:
        await each.open()
    taken = await asyncio.gather(*(migrate(d, "steps_of_a_test") for d in databases))
    assert sum("steps_of_a_test/0001_chairs.sql" in each for each in taken) == 1
    assert await _chairs(databases[0]) == 1
    for each in databases:
        await each.close()


async def test_a_step_that_changed_after_release_is_refused(
    room: Database, steps: Steps
) -> None:
    steps("0001_chairs.sql", FIRST)
    await migrate(room, "steps_of_a_test")
    steps("0001_chairs.sql", FIRST + " -- and a thought")
    with pytest.raises(ChangedAfterRelease, match="0001_chairs"):
        await migrate(room, "steps_of_a_test")


async def test_a_step_that_fails_leaves_nothing_and_may_be_mended(
    room: Database, steps: Steps
) -> None:
    steps("0001_chairs.sql", FIRST + "SELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(room, "steps_of_a_test")
    steps("0001_chairs.sql", FIRST)
    await migrate(room, "steps_of_a_test")
    assert await _chairs(room) == 1


async def test_a_step_may_take_longer_than_any_other_statement(
    lobby: str, steps: Steps
) -> None:
    steps("0001_chairs.sql", f"SELECT pg_sleep(0.6); {FIRST}")
    database = Database(SecretStr(lobby), "lobby", command_seconds=0.2)
    await database.open()
    assert "steps_of_a_test/0001_chairs.sql" in await migrate(
        database, "steps_of_a_test"
    )
    assert await _chairs(database) == 1
    await database.close()


async def test_whoever_waits_for_anothers_long_step_waits_until_it_is_done(
    lobby: str, steps: Steps
) -> None:
    steps("0001_chairs.sql", f"SELECT pg_sleep(0.6); {FIRST}")
    both = [Database(SecretStr(lobby), "lobby", command_seconds=0.2) for _ in range(2)]
    for each in both:
        await each.open()
    taken = await asyncio.gather(*(migrate(d, "steps_of_a_test") for d in both))
    assert sum("steps_of_a_test/0001_chairs.sql" in each for each in taken) == 1
    for each in both:
        await each.close()


async def test_a_step_that_does_not_get_its_lock_is_tried_again(
    room: Database, steps: Steps
) -> None:
    """It must not hold up all who come after it for a table."""
    steps("0001_more.sql", "ALTER TABLE inbox ADD COLUMN more int")
    async with room.writing() as tx:
        await tx.execute("LOCK TABLE inbox IN ACCESS SHARE MODE")
        migrating = asyncio.create_task(migrate(room, "steps_of_a_test"))
        with capture_logs() as lines:
            async with asyncio.timeout(30):
                while not any(each.get("code") == "55P03" for each in lines):  # noqa: ASYNC110 - nobody announces it
                    await asyncio.sleep(0.05)
    assert await migrating == ["steps_of_a_test/0001_more.sql"]


async def test_a_step_that_may_not_do_what_it_does_fails_at_once(
    room: Database, steps: Steps
) -> None:
    """Waiting for rights, or for a table, would never end."""
    steps("0001_elsewhere.sql", "CREATE TABLE identity.mine (id int)")
    with pytest.raises(Exception, match="permission denied"):
        await migrate(room, "steps_of_a_test")
    steps("0001_elsewhere.sql", "ALTER TABLE nowhere ADD COLUMN id int")
    with pytest.raises(Exception, match="does not exist"):
        await migrate(room, "steps_of_a_test")


async def test_a_migration_outlasts_a_database_that_goes_away(
    lobby: str, steps: Steps
) -> None:
    steps("0001_chairs.sql", f"SELECT pg_sleep(0.6); {FIRST}")
    async with proxy.before(lobby) as (door, address):
        database = Database(SecretStr(address), "lobby")
        await database.open()
        migrating = asyncio.create_task(migrate(database, "steps_of_a_test"))
        await asyncio.sleep(0.3)
        await door.shut()
        await door.open()
        await asyncio.wait_for(migrating, 60)
        assert await _chairs(database) == 1
        await database.close()
