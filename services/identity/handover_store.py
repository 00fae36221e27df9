"""Hand-overs in PostgreSQL."""

from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database import Reader, Writer


async def begin(
    tx: Writer, code_digest: bytes, session_id: UUID, sealed: bytes, at: datetime
) -> None:
    """A new code puts the ones before it out of use."""
    await tx.execute(
        "DELETE FROM handover WHERE session_id = $1 AND taken_at IS NULL", session_id
    )
    await tx.execute(
        """
        INSERT INTO handover (code_digest, session_id, sealed, begun_at)
        VALUES ($1, $2, $3, $4)
        """,
        code_digest,
        session_id,
        sealed,
        at,
    )


async def take(tx: Writer, code_digest: bytes, since: datetime, at: datetime) -> Any:
    """Whose session, and the seal; nothing when it is too late, or was taken before."""
    return await tx.fetchrow(
        """
        UPDATE handover
           SET taken_at = $3
         WHERE code_digest = $1 AND begun_at >= $2 AND taken_at IS NULL
        RETURNING session_id, sealed
        """,
        code_digest,
        since,
        at,
    )


async def was_taken(tx: Reader, session_id: UUID, since: datetime) -> bool:
    taken: bool = await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM handover
                        WHERE session_id = $1 AND begun_at >= $2
                          AND taken_at IS NOT NULL)
        """,
        session_id,
        since,
    )
    return taken


async def forget(tx: Writer, before: datetime) -> None:
    await tx.execute("DELETE FROM handover WHERE begun_at < $1", before)
