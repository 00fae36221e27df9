"""The schema, step by step: numbered SQL files, each applied once, in its own transaction.

The libraries for this bring an ORM or a second driver; this is all that is needed.
A released file never changes: its checksum is kept and compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import stamina

from chassis.database import Database, Writer
from chassis.refusal import Unavailable

LOCK_SECONDS = 5


class ChangedAfterRelease(Exception):
    """A migration that was applied reads differently now."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def steps(*packages: str) -> Iterator[Step]:
    """The files of these packages, package by package, in the order of their numbers."""
    for package in packages:
        for file in sorted(files(package).iterdir(), key=lambda each: each.name):
            if file.name.endswith(".sql"):
                yield Step(f"{package}/{file.name}", file.read_text(encoding="utf-8"))


async def migrate(database: Database, package: str) -> list[str]:
    """Bring the schema up to date; says what was applied. Safe to run side by side.

    A step may take as long as it needs. One that does not get its lock, or meets a
    database that is away, is tried again.
    """
    applied: list[str] = []
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=None, wait_initial=0.5, wait_max=10
    ):
        with attempt:
            async with database.migrating() as begin:
                for step in steps("chassis.tables", package):
                    async with begin() as tx:
                        is_new = await _apply(tx, step)
                    if is_new:
                        applied.append(step.name)
    return applied


async def _apply(tx: Writer, step: Step) -> bool:
    await _begin(tx)
    if not await _is_new(tx, step):
        return False
    # Whoever waits for a table's lock holds up all who come after.
    await tx.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    await tx.execute(step.sql)
    return True


async def _begin(tx: Writer) -> None:
    """Wait for another that migrates, for as long as it takes."""
    await tx.execute("SET LOCAL statement_timeout = 0")
    await tx.execute("SET LOCAL lock_timeout = 0")
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema || '/migration', 0))"
    )
    await tx.execute(
        """
        CREATE TABLE IF NOT EXISTS migration (
            name text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )


async def _is_new(tx: Writer, step: Step) -> bool:
    known = await tx.fetchval(
        "SELECT checksum FROM migration WHERE name = $1", step.name
    )
    if known is None:
        await tx.execute(
            "INSERT INTO migration (name, checksum) VALUES ($1, $2)",
            step.name,
            step.checksum,
        )
        return True
    if known != step.checksum:
        raise ChangedAfterRelease(step.name)
    return False
