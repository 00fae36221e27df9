import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import ChangedAfterRelease, migrate

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
