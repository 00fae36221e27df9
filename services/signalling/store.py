"""Admissions, cancellations and calls in PostgreSQL. All SQL of signalling is here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.database import Reader, Writer
from contract.signalling import EndedBy
from services.signalling.domain import Admission, Call, Side

CHANNEL = "signalling_room"


async def admissions(tx: Reader, appointment_id: str) -> Mapping[str, Admission]:
    rows = await tx.fetch(
        "SELECT member, side, admitted, at FROM admission WHERE appointment_id = $1",
        appointment_id,
    )
    return {
        row["member"]: Admission(Side(row["side"]), row["admitted"], row["at"])
        for row in rows
    }


async def admit(
    tx: Writer, appointment_id: str, member: str, latest: Admission
) -> None:
    """Keep this word unless a later one was heard before: topics have no common order."""
    await tx.execute(
        """
        INSERT INTO admission (appointment_id, member, side, admitted, at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (appointment_id, member)
        DO UPDATE SET side = excluded.side,
                      admitted = excluded.admitted,
                      at = excluded.at
         WHERE excluded.at > admission.at
        """,
        appointment_id,
        member,
        latest.side,
        latest.admitted,
        latest.at,
    )


async def cancel(tx: Writer, appointment_id: str, at: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO cancellation (appointment_id, at) VALUES ($1, $2)
        ON CONFLICT DO NOTHING
        """,
        appointment_id,
        at,
    )


async def latest(tx: Reader, appointment_id: str) -> tuple[bool, Call | None]:
    """Whether the appointment is cancelled, and its open call or else its last one."""
    row = await tx.fetchrow(
        """
        SELECT EXISTS (SELECT FROM cancellation WHERE appointment_id = $1) AS cancelled,
               call.id, call.started_at, call.ended_at, call.ended_by
          FROM (VALUES (1)) AS always
          LEFT JOIN call ON call.id = (
                   SELECT id FROM call
                    WHERE appointment_id = $1
                    ORDER BY ended_at DESC NULLS FIRST
                    LIMIT 1)
        """,
        appointment_id,
    )
    return row["cancelled"], _call(row) if row["id"] is not None else None


async def start(tx: Writer, appointment_id: str, at: datetime, now: datetime) -> bool:
    """False when a call is open already, or the appointment is off."""
    started = await tx.fetchval(
        """
        INSERT INTO call (appointment_id, started_at, heard_at)
        SELECT $1, $2, $3
         WHERE NOT EXISTS (SELECT FROM cancellation WHERE appointment_id = $1)
        ON CONFLICT (appointment_id) WHERE ended_at IS NULL DO NOTHING
        RETURNING true
        """,
        appointment_id,
        at,
        now,
    )
    return started is not None


async def end(
    tx: Writer, appointment_id: str, at: datetime, by: EndedBy
) -> Call | None:
    """The call that this ended; nothing when none was open."""
    row = await tx.fetchrow(
        """
        UPDATE call SET ended_at = $2, ended_by = $3
         WHERE appointment_id = $1 AND ended_at IS NULL
        RETURNING started_at, ended_at, ended_by
        """,
        appointment_id,
        at,
        by,
    )
    return _call(row) if row else None


async def end_unstarted(
    tx: Writer, appointment_id: str, at: datetime, by: EndedBy
) -> Call | None:
    """A call that was ended before it started; nothing when that is written already."""
    row = await tx.fetchrow(
        """
        INSERT INTO call (appointment_id, heard_at, ended_at, ended_by)
        SELECT $1, $2, $2, $3
         WHERE NOT EXISTS (
                   SELECT FROM call WHERE appointment_id = $1 AND ended_at >= $2)
        RETURNING started_at, ended_at, ended_by
        """,
        appointment_id,
        at,
        by,
    )
    return _call(row) if row else None


async def still_here(tx: Writer, appointment_ids: Sequence[str], now: datetime) -> None:
    """Somebody is connected in each of these."""
    await tx.execute(
        """
        UPDATE call SET heard_at = $2
         WHERE appointment_id = ANY($1) AND ended_at IS NULL
        """,
        appointment_ids,
        now,
    )


async def silent(tx: Reader, before: datetime) -> list[str]:
    """Open calls in which nobody was connected after this time."""
    rows = await tx.fetch(
        """
        SELECT appointment_id FROM call
         WHERE ended_at IS NULL AND heard_at < $1
         ORDER BY heard_at
        """,
        before,
    )
    return [row["appointment_id"] for row in rows]


async def end_silent(
    tx: Writer, appointment_id: str, before: datetime, at: datetime
) -> Call | None:
    """As `end`, unless somebody was connected after all."""
    row = await tx.fetchrow(
        """
        UPDATE call SET ended_at = $3, ended_by = 'silence'
         WHERE appointment_id = $1 AND ended_at IS NULL AND heard_at < $2
        RETURNING started_at, ended_at, ended_by
        """,
        appointment_id,
        before,
        at,
    )
    return _call(row) if row else None


async def tell(tx: Writer, appointment_id: str) -> None:
    """When this commits, every instance looks again at the appointment's room."""
    await tx.execute("SELECT pg_notify($1, $2)", CHANNEL, appointment_id)


async def forget(tx: Writer, before: datetime) -> None:
    """Drop what is too old to matter."""
    await tx.execute("DELETE FROM admission WHERE at < $1", before)
    await tx.execute("DELETE FROM cancellation WHERE at < $1", before)
    await tx.execute("DELETE FROM call WHERE ended_at < $1", before)


def _call(row: Any) -> Call:
    by = row["ended_by"]
    return Call(row["started_at"], row["ended_at"], EndedBy(by) if by else None)
