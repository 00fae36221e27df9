"""Kafka may tell us twice; we act once.

The note is made in the transaction of the act, so that neither stands without the other.
"""

from chassis.database import Writer
from contract.envelope import Event

KEPT_DAYS = 30  # longer than any topic is kept, so that no replay is new


async def first_sight(tx: Writer, event: Event) -> bool:
    """Note the event as heard. False when it was already noted."""
    noted = await tx.fetchval(
        """
        INSERT INTO inbox (source, event_id) VALUES ($1, $2)
        ON CONFLICT DO NOTHING
        RETURNING true
        """,
        event.source,
        event.event_id,
    )
    return noted is not None


async def forget(tx: Writer) -> None:
    """Drop notes too old to matter."""
    await tx.execute(
        "DELETE FROM inbox WHERE heard_at < now() - make_interval(days => $1)",
        KEPT_DAYS,
    )
