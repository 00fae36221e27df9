"""Sessions in PostgreSQL, and what identity providers call them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database import Reader, Writer
from services.identity.session import Ended, Kind, Session, Upstream


async def open_session(tx: Writer, session: Session, upstream: Upstream | None) -> None:
    await tx.execute(
        """
        INSERT INTO session (session_id, kind, sub, appointment_id, created_at,
                             renewed_at, ends_at, extensions)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        session.session_id,
        session.kind,
        session.sub,
        session.appointment_id,
        session.created_at,
        session.renewed_at,
        session.ends_at,
        session.extensions,
    )
    if upstream is not None:
        await _name(tx, session.session_id, upstream)


async def _name(tx: Writer, session_id: UUID, upstream: Upstream) -> None:
    await tx.execute(
        """
        INSERT INTO upstream_session (session_id, issuer, subject, session_index)
        VALUES ($1, $2, $3, $4)
        """,
        session_id,
        upstream.issuer,
        upstream.subject,
        upstream.index,
    )


async def hold(tx: Writer, session_id: UUID) -> Session | None:
    """The session, which nobody else may change until this transaction ends."""
    row = await tx.fetchrow(
        """
        SELECT session_id, kind, sub, appointment_id, created_at, renewed_at, ends_at,
               ended_at, why, extensions
          FROM session
         WHERE session_id = $1
           FOR UPDATE
        """,
        session_id,
    )
    return _session(row) if row else None


async def hold_of(tx: Writer, kind: Kind, sub: str) -> Sequence[Session]:
    """All open sessions of someone, held."""
    rows = await tx.fetch(
        """
        SELECT session_id, kind, sub, appointment_id, created_at, renewed_at, ends_at,
               ended_at, why, extensions
          FROM session
         WHERE (kind, sub) = ($1, $2) AND ended_at IS NULL
         ORDER BY session_id
           FOR UPDATE
        """,
        kind,
        sub,
    )
    return [_session(row) for row in rows]


async def hold_from(tx: Writer, upstream: Upstream) -> Sequence[Session]:
    """All open sessions that came from this one, or from any of its subject's, held."""
    rows = await tx.fetch(
        """
        SELECT session_id, kind, sub, appointment_id, created_at, renewed_at, ends_at,
               ended_at, why, extensions
          FROM session
          JOIN upstream_session USING (session_id)
         WHERE issuer = $1
           AND ($2::text IS NULL OR subject = $2)
           AND ($3::text IS NULL OR session_index = $3)
           AND ($2::text IS NOT NULL OR $3::text IS NOT NULL)
           AND ended_at IS NULL
         ORDER BY session_id
           FOR UPDATE OF session
        """,
        upstream.issuer,
        upstream.subject,
        upstream.index,
    )
    return [_session(row) for row in rows]


async def upstream_of(tx: Reader, session_id: UUID) -> Upstream | None:
    """What the identity provider calls it, to log out there too."""
    row = await tx.fetchrow(
        """
        SELECT issuer, subject, session_index
          FROM upstream_session
         WHERE session_id = $1
        """,
        session_id,
    )
    return (
        Upstream(row["issuer"], row["subject"], row["session_index"]) if row else None
    )


async def save(tx: Writer, session: Session) -> None:
    await tx.execute(
        """
        UPDATE session
           SET renewed_at = $2, ends_at = $3, ended_at = $4, why = $5, extensions = $6
         WHERE session_id = $1
        """,
        session.session_id,
        session.renewed_at,
        session.ends_at,
        session.ended_at,
        session.why,
        session.extensions,
    )


async def forget(tx: Writer, before: datetime) -> None:
    """Sessions that were over before this; what providers call them goes along."""
    await tx.execute("DELETE FROM session WHERE ends_at < $1", before)


def _session(row: Any) -> Session:
    return Session(
        row["session_id"],
        Kind(row["kind"]),
        row["sub"],
        row["appointment_id"],
        row["created_at"],
        row["renewed_at"],
        row["ends_at"],
        row["ended_at"],
        Ended(row["why"]) if row["why"] else None,
        row["extensions"],
    )
