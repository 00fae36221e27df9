"""Which secret makes the links: the one of whichever instance was started last.

While one secret takes another's place, instances of both run side by side. The old ones
must not withdraw what the new ones have issued.
"""

from datetime import datetime

from chassis.database import Reader, Writer


async def take_over(tx: Writer, key: str, at: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO link_key (only_row, key, since) VALUES (true, $1, $2)
        ON CONFLICT (only_row)
        DO UPDATE SET key = excluded.key, since = excluded.since
                WHERE link_key.key <> excluded.key
        """,
        key,
        at,
    )


async def is_superseded(tx: Reader, key: str) -> bool:
    """Not while nobody has said which secret it is."""
    return bool(
        await tx.fetchval("SELECT EXISTS (SELECT FROM link_key WHERE key <> $1)", key)
    )
