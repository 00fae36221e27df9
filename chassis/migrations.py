"""The schema, step by step: numbered SQL files, each applied once, in its own transaction.

The libraries for this bring an ORM or a second driver; this is all that is needed.
A released file never changes: its checksum is kept and compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from chassis.database import Database, Writer


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
    """Bring the schema up to date; says what was applied. Safe to run side by side."""
    applied = []
    for step in steps("chassis.tables", package):
        async with database.writing() as tx:
            await _begin(tx)
            if await _is_new(tx, step):
                await tx.execute(step.sql)
                applied.append(step.name)
    return applied


async def _begin(tx: Writer) -> None:
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
