"""A database as an earlier version left it: with its migrations up to a certain one."""

from chassis.database import Database
from chassis.migrations import _apply, steps


async def migrate_until(database: Database, package: str, last: str) -> None:
    """This one included; `migrate` applies the rest."""
    async with database.migrating() as begin:
        for step in steps("chassis.tables", package):
            async with begin() as tx:
                await _apply(tx, step)
            if step.name == f"{package}/{last}.sql":
                return
    raise LookupError(last)
