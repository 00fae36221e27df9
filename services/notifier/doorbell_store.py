"""Doorbells in PostgreSQL, and whose consoles are open."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database import Reader, Writer
from services.notifier.doorbell import Door, Doorbell, Rung, What, Word
from services.notifier.message import Message


async def door(tx: Reader, appointment_id: str) -> Door:
    row = await tx.fetchrow(
        """
        SELECT professional_id, opens_at, ends_at, cancelled
          FROM door
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return Door(**row) if row else Door()


async def keep_door(tx: Writer, appointment_id: str, door: Door) -> None:
    await tx.execute(
        """
        INSERT INTO door (appointment_id, professional_id, opens_at, ends_at, cancelled)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (appointment_id)
        DO UPDATE SET professional_id = excluded.professional_id,
                      opens_at = excluded.opens_at,
                      ends_at = excluded.ends_at,
                      cancelled = excluded.cancelled
        """,
        appointment_id,
        door.professional_id,
        door.opens_at,
        door.ends_at,
        door.cancelled,
    )


async def hold(
    tx: Writer, appointment_id: str, person_id: UUID | None
) -> list[Doorbell]:
    """This person's bell, or without a person every bell at this door."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, person_id, unit_id, since, heard_at, answered_at,
               answered_what, answered_by, answered_noted_at, push_at, colleague_at,
               duty_at
          FROM doorbell
         WHERE appointment_id = $1 AND ($2::uuid IS NULL OR person_id = $2)
           FOR UPDATE
        """,
        appointment_id,
        person_id,
    )
    return [_doorbell(row) for row in rows]


async def rings(tx: Reader, message: Message, at: datetime) -> bool:
    """Whether nobody has seen to who has waited since then where the message calls to."""
    found: bool = await tx.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM doorbell
             WHERE appointment_id = $1 AND person_id = $2
               AND unit_id IS NOT DISTINCT FROM $3
               AND since = coalesce($4, since)
               AND answered_at IS NULL AND over_at > $5)
        """,
        message.appointment_id,
        message.person_id,
        message.unit_id,
        message.said_at,
        at,
    )
    return found


async def put_off(
    tx: Writer, appointment_id: str, person_id: UUID, until: datetime
) -> None:
    """Look at it again then: it cannot be looked at now."""
    await tx.execute(
        """
        UPDATE doorbell SET next_at = $3
         WHERE appointment_id = $1 AND person_id = $2 AND next_at IS NOT NULL
        """,
        appointment_id,
        person_id,
        until,
    )


async def hold_due(
    tx: Writer, appointment_id: str, person_id: UUID, now: datetime
) -> Doorbell | None:
    """The bell if it is still to be looked at, and nobody else is looking."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, person_id, unit_id, since, heard_at, answered_at,
               answered_what, answered_by, answered_noted_at, push_at, colleague_at,
               duty_at
          FROM doorbell
         WHERE appointment_id = $1 AND person_id = $2 AND next_at <= $3
           FOR UPDATE SKIP LOCKED
        """,
        appointment_id,
        person_id,
        now,
    )
    return _doorbell(row) if row else None


async def save(
    tx: Writer,
    bell: Doorbell,
    next_at: datetime | None,
    past_since: datetime | None,
    over_at: datetime | None,
) -> None:
    answered = bell.answered
    await tx.execute(
        """
        INSERT INTO doorbell
               (appointment_id, person_id, unit_id, since, heard_at, answered_at,
                answered_what, answered_by, answered_noted_at, push_at, colleague_at,
                duty_at, next_at, past_since, over_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ON CONFLICT (appointment_id, person_id)
        DO UPDATE SET unit_id = excluded.unit_id,
                      since = excluded.since,
                      heard_at = excluded.heard_at,
                      answered_at = excluded.answered_at,
                      answered_what = excluded.answered_what,
                      answered_by = excluded.answered_by,
                      answered_noted_at = excluded.answered_noted_at,
                      push_at = excluded.push_at,
                      colleague_at = excluded.colleague_at,
                      duty_at = excluded.duty_at,
                      next_at = excluded.next_at,
                      past_since = excluded.past_since,
                      over_at = excluded.over_at
        """,
        bell.appointment_id,
        bell.person_id,
        bell.unit_id,
        bell.since,
        bell.heard_at,
        answered.at if answered else None,
        answered.what if answered else None,
        answered.by if answered else None,
        answered.noted_at if answered else None,
        bell.climbed.get(Rung.PUSH),
        bell.climbed.get(Rung.COLLEAGUE),
        bell.climbed.get(Rung.DUTY),
        next_at,
        past_since,
        over_at,
    )


async def due(tx: Reader, now: datetime, limit: int) -> list[tuple[str, UUID]]:
    """The bells to look at, the longest due first."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, person_id
          FROM doorbell
         WHERE next_at <= $1
         ORDER BY next_at
         LIMIT $2
        """,
        now,
        limit,
    )
    return [(row["appointment_id"], row["person_id"]) for row in rows]


async def look_at_all(tx: Writer, now: datetime) -> None:
    """Rules may have changed while we were away."""
    await tx.execute(
        """
        UPDATE doorbell SET next_at = $1
         WHERE since IS NOT NULL AND answered_at IS NULL AND over_at > $1
        """,
        now,
    )


async def open_at(
    tx: Reader, units: Iterable[str], now: datetime
) -> Sequence[Doorbell]:
    """Where somebody waits, at these units; the longest waiting first."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, person_id, unit_id, since, heard_at, answered_at,
               answered_what, answered_by, answered_noted_at, push_at, colleague_at,
               duty_at
          FROM doorbell
         WHERE unit_id = ANY($1) AND since IS NOT NULL AND over_at > $2
         ORDER BY since, appointment_id, person_id
        """,
        sorted(units),
        now,
    )
    return [_doorbell(row) for row in rows]


async def count(tx: Reader, now: datetime, past: datetime) -> tuple[int, int]:
    """How many ring, and at how many there has been nobody left to wake since `past`."""
    row = await tx.fetchrow(
        """
        SELECT count(*) AS ringing, count(*) FILTER (WHERE past_since <= $2) AS past
          FROM doorbell
         WHERE since IS NOT NULL AND answered_at IS NULL AND over_at > $1
        """,
        now,
        past,
    )
    return row["ringing"], row["past"]


async def see_consoles(
    tx: Writer, professionals: Iterable[str], now: datetime, closed: datetime
) -> None:
    """Those are open here, now; those not seen since `closed` are open nowhere."""
    await tx.execute(
        """
        INSERT INTO console (professional_id, seen_at)
        SELECT id, $2 FROM unnest($1::text[]) AS id ORDER BY id
        ON CONFLICT (professional_id) DO UPDATE SET seen_at = excluded.seen_at
        """,
        sorted(professionals),
        now,
    )
    await tx.execute("DELETE FROM console WHERE seen_at < $1", closed)


async def consoles(tx: Reader, closed: datetime) -> frozenset[str]:
    """Whose consoles are open somewhere."""
    rows = await tx.fetch(
        "SELECT professional_id FROM console WHERE seen_at >= $1", closed
    )
    return frozenset(row["professional_id"] for row in rows)


def _doorbell(row: Any) -> Doorbell:
    what = row["answered_what"]
    answered = what and Word(
        row["answered_at"], What(what), row["answered_noted_at"], row["answered_by"]
    )
    return Doorbell(
        row["appointment_id"],
        row["person_id"],
        row["unit_id"],
        row["since"],
        row["heard_at"],
        answered or None,
        {rung: at for rung in Rung if (at := row[f"{rung}_at"])},
    )
