"""Admissions, cancellations and calls in PostgreSQL; `presence_store` has the rest."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.database import Reader, Writer
from contract.appointment import UNHEARD, Heard
from contract.signalling import EndedBy
from contract.slot import Slot
from services.signalling.domain import Admission, Call, Order, Side

CHANNEL = "signalling_room"


async def admissions(tx: Reader, appointment_id: str) -> Mapping[str, Admission]:
    rows = await tx.fetch(
        """
        SELECT member, side, admitted, at, starts_at, sequence
          FROM admission
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return {
        row["member"]: Admission(
            Side(row["side"]), row["admitted"], row["at"], _slot(row)
        )
        for row in rows
    }


async def admit(
    tx: Writer, appointment_id: str, member: str, latest: Admission
) -> None:
    """Keep this word unless a newer one was heard before: topics have no common order.

    The order is that of `contract.slot.Stamp`.
    """
    await tx.execute(
        """
        INSERT INTO admission (appointment_id, member, side, admitted, at, starts_at,
                               sequence)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (appointment_id, member)
        DO UPDATE SET side = excluded.side,
                      admitted = excluded.admitted,
                      at = excluded.at,
                      starts_at = excluded.starts_at,
                      sequence = excluded.sequence
         WHERE CASE WHEN excluded.sequence <> admission.sequence
                    THEN excluded.sequence > admission.sequence
                    ELSE excluded.at > admission.at
               END
        """,
        appointment_id,
        member,
        latest.side,
        latest.admitted,
        latest.at,
        *_columns(latest.slot),
    )


async def hold(tx: Writer, appointment_id: str, now: datetime) -> Order:
    """The order of an appointment, which nobody else may change until this is committed."""
    await tx.execute(
        """
        INSERT INTO slot (appointment_id, heard_at) VALUES ($1, $2)
        ON CONFLICT (appointment_id) DO UPDATE SET heard_at = excluded.heard_at
        """,
        appointment_id,
        now,
    )
    return await order(tx, appointment_id)


async def order(tx: Reader, appointment_id: str) -> Order:
    row = await tx.fetchrow(
        """
        SELECT slot.starts_at, slot.sequence, slot.over,
               cancellation.sequence AS cancelled,
               cancellation.appointment_id IS NOT NULL AS was_cancelled
          FROM (VALUES ($1)) AS asked (appointment_id)
          LEFT JOIN slot USING (appointment_id)
          LEFT JOIN cancellation USING (appointment_id)
        """,
        appointment_id,
    )
    cancelled, over, times = (
        UNHEARD if each is None else each
        for each in (row["cancelled"], row["over"], row["sequence"])
    )
    heard = Heard(
        times=times,
        status=cancelled,
        starts_at=row["starts_at"],
        over=max(over, cancelled),
    )
    return Order(heard, row["was_cancelled"])


async def keep(tx: Writer, appointment_id: str, heard: Heard) -> None:
    """What was learned of the slots of an appointment that is held."""
    await tx.execute(
        """
        UPDATE slot SET starts_at = $2, sequence = $3, over = $4
         WHERE appointment_id = $1
        """,
        appointment_id,
        heard.starts_at,
        heard.times,
        heard.over,
    )


async def cancel(tx: Writer, appointment_id: str, sequence: int, at: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO cancellation (appointment_id, sequence, at) VALUES ($1, $2, $3)
        ON CONFLICT (appointment_id)
        DO UPDATE SET sequence = excluded.sequence, at = excluded.at
         WHERE excluded.sequence > coalesce(cancellation.sequence, -1)
        """,
        appointment_id,
        sequence,
        at,
    )


async def latest(tx: Reader, appointment_id: str) -> Call | None:
    """The open call of the newest slot, or else its last one."""
    row = await tx.fetchrow(
        """
        SELECT started_at, ended_at, ended_by, starts_at, sequence
          FROM call
         WHERE appointment_id = $1
         ORDER BY sequence DESC NULLS LAST, ended_at DESC NULLS FIRST
         LIMIT 1
        """,
        appointment_id,
    )
    return _call(row) if row else None


async def open_call(tx: Reader, appointment_id: str) -> Call | None:
    row = await tx.fetchrow(
        """
        SELECT started_at, ended_at, ended_by, starts_at, sequence
          FROM call
         WHERE appointment_id = $1 AND ended_at IS NULL
        """,
        appointment_id,
    )
    return _call(row) if row else None


async def start(
    tx: Writer, appointment_id: str, slot: Slot | None, at: datetime, now: datetime
) -> bool:
    """False when a call is open already."""
    started = await tx.fetchval(
        """
        INSERT INTO call (appointment_id, started_at, heard_at, starts_at, sequence)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (appointment_id) WHERE ended_at IS NULL DO NOTHING
        RETURNING true
        """,
        appointment_id,
        at,
        now,
        *_columns(slot),
    )
    return started is not None


async def move(tx: Writer, appointment_id: str, slot: Slot, since: datetime) -> None:
    """The open call goes on in this slot, if somebody was connected since this time."""
    await tx.execute(
        """
        UPDATE call SET starts_at = $2, sequence = $3
         WHERE appointment_id = $1 AND ended_at IS NULL AND heard_at >= $4
        """,
        appointment_id,
        *_columns(slot),
        since,
    )


async def end(
    tx: Writer, appointment_id: str, at: datetime | None, by: EndedBy
) -> Call | None:
    """The call that this ended; nothing when none was open.

    Without a time: when somebody was last known to be connected.
    """
    row = await tx.fetchrow(
        """
        UPDATE call SET ended_at = coalesce($2, heard_at), ended_by = $3
         WHERE appointment_id = $1 AND ended_at IS NULL
        RETURNING started_at, ended_at, ended_by, starts_at, sequence
        """,
        appointment_id,
        at,
        by,
    )
    return _call(row) if row else None


async def end_unstarted(
    tx: Writer, appointment_id: str, slot: Slot | None, at: datetime, by: EndedBy
) -> Call | None:
    """A call that was ended before it started; nothing when that is written already."""
    row = await tx.fetchrow(
        """
        INSERT INTO call (appointment_id, heard_at, ended_at, ended_by, starts_at,
                          sequence)
        SELECT $1, $2, $2, $3, $4, $5
         WHERE NOT EXISTS (
                   SELECT FROM call WHERE appointment_id = $1 AND ended_at >= $2)
        RETURNING started_at, ended_at, ended_by, starts_at, sequence
        """,
        appointment_id,
        at,
        by,
        *_columns(slot),
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
        RETURNING started_at, ended_at, ended_by, starts_at, sequence
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
    await tx.execute("DELETE FROM slot WHERE heard_at < $1", before)
    await tx.execute("DELETE FROM call WHERE ended_at < $1", before)


def _call(row: Any) -> Call:
    by = row["ended_by"]
    ended_by = EndedBy(by) if by else None
    return Call(row["started_at"], row["ended_at"], ended_by, _slot(row))


def _slot(row: Any) -> Slot | None:
    named = row["sequence"] is not None
    return Slot(row["starts_at"], row["sequence"]) if named else None


def _columns(slot: Slot | None) -> tuple[datetime | None, int | None]:
    return (slot.starts_at, slot.sequence) if slot else (None, None)
