"""Notices, and whose an appointment is, in PostgreSQL."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chassis.database import Reader, Writer
from chassis.logs import log, trouble
from contract.appointment import Heard
from services.notifier.domain import (
    Appointment,
    Audience,
    Ears,
    News,
    Notice,
)
from services.notifier.metrics import UNREADABLE

CHANNEL = "notifier_notice"


async def take_turn(tx: Writer) -> None:
    """One at a time from here to the commit, so that ids grow in the order of commits.

    Without it somebody who has read up to a number could miss a smaller one that is
    committed later.
    """
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema || '/notice', 0))"
    )


async def appointment(tx: Reader, appointment_id: str) -> Appointment | None:
    row = await tx.fetchrow(
        """
        SELECT appointment_id, details, times, status, over_upto, unit_id, kept_until,
               CASE WHEN starts_by = times THEN starts_at END AS starts_at
          FROM appointment
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return _appointment(row) if row else None


async def keep(tx: Writer, known: Appointment) -> None:
    await tx.execute(
        """
        INSERT INTO appointment
               (appointment_id, details, times, status, starts_at, starts_by, over_upto,
                unit_id, kept_until)
        VALUES ($1, $2, $3, $4, $5, $3, $6, $7, $8)
        ON CONFLICT (appointment_id)
        DO UPDATE SET details = excluded.details,
                      times = excluded.times,
                      status = excluded.status,
                      starts_at = excluded.starts_at,
                      starts_by = excluded.starts_by,
                      over_upto = excluded.over_upto,
                      unit_id = excluded.unit_id,
                      kept_until = excluded.kept_until
        """,
        known.appointment_id,
        known.heard.details,
        known.heard.times,
        known.heard.status,
        known.heard.starts_at,
        known.heard.over,
        known.unit_id,
        known.kept_until,
    )


async def note(tx: Writer, news: News, unit_id: str | None, now: datetime) -> None:
    """Write it down for its audiences, and wake every instance at the commit."""
    addressees = {Audience.VISIT: news.appointment_id, Audience.UNIT: unit_id}
    await tx.executemany(
        """
        INSERT INTO notice (audience, addressee, appointment_id, topic, person_id,
                            codes, at, noted_at)
        VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)
        """,
        [
            (
                audience,
                addressees[audience],
                news.appointment_id,
                news.topic,
                news.person_id,
                json.dumps(dict(news.codes)),
                news.at,
                now,
            )
            for audience in sorted(news.audiences)
        ],
    )
    await _wake(tx)


async def hand_over(tx: Writer, known: Appointment, now: datetime) -> None:
    """Now that we know whose it is, its unit hears what there has been, as news."""
    await tx.execute(
        """
        WITH held AS (
            DELETE FROM notice
             WHERE appointment_id = $1 AND audience = 'unit'
               AND addressee IS DISTINCT FROM $2
            RETURNING id, audience, appointment_id, topic, person_id, codes, at
        )
        INSERT INTO notice (audience, addressee, appointment_id, topic, person_id,
                            codes, at, noted_at)
        SELECT audience, $2, appointment_id, topic, person_id, codes, at, $3
          FROM held ORDER BY id
        """,
        known.appointment_id,
        known.unit_id,
        now,
    )
    await _wake(tx)


async def newest(tx: Reader) -> int:
    """The number of the last notice there has been."""
    number: int = await tx.fetchval(
        "SELECT greatest((SELECT max(id) FROM notice), (SELECT id FROM horizon))"
    )
    return number


async def horizon(tx: Reader) -> int:
    """Of what came after this number, nothing has been dropped."""
    number: int = await tx.fetchval("SELECT id FROM horizon")
    return number


async def after(tx: Reader, seen: int, limit: int) -> tuple[list[Notice], int]:
    """What came after, for whomever, as far as its addressee is known; and up to where
    that is all there is."""
    upto = await newest(tx)  # asked first: what is committed from here on comes next
    rows = await tx.fetch(
        """
        SELECT id, audience, addressee, appointment_id, topic, person_id, codes, at,
               noted_at
          FROM notice
         WHERE id > $1 AND id <= $2 AND addressee IS NOT NULL
         ORDER BY id LIMIT $3
        """,
        seen,
        upto,
        limit,
    )
    return _notices(rows), rows[-1]["id"] if len(rows) == limit else upto


async def missed(tx: Reader, ears: Ears, seen: int, upto: int) -> list[Notice]:
    """What came after `seen` for these ears."""
    rows = await tx.fetch(
        """
        SELECT id, audience, addressee, appointment_id, topic, person_id, codes, at,
               noted_at
          FROM notice
         WHERE audience = $1 AND addressee = ANY($2) AND id > $3 AND id <= $4
         ORDER BY id
        """,
        ears.audience,
        sorted(ears.names),
        seen,
        upto,
    )
    return _notices(rows)


async def latest(tx: Reader, ears: Ears, upto: int) -> list[Notice]:
    """The last for these ears of each appointment and person."""
    rows = await tx.fetch(
        """
        SELECT * FROM (
            SELECT DISTINCT ON (appointment_id, person_id)
                   id, audience, addressee, appointment_id, topic, person_id, codes, at,
                   noted_at
              FROM notice
             WHERE audience = $1 AND addressee = ANY($2) AND id <= $3
             ORDER BY appointment_id, person_id, id DESC
        ) AS last
        ORDER BY id
        """,
        ears.audience,
        sorted(ears.names),
        upto,
    )
    return _notices(rows)


async def forget(tx: Writer, replayed_from: datetime, now: datetime) -> None:
    """Drop what nobody may ask for again, and remember up to where."""
    await tx.execute(
        """
        WITH dropped AS (
            DELETE FROM notice AS old
             USING appointment
             WHERE appointment.appointment_id = old.appointment_id
               AND old.noted_at < $1
               AND (appointment.kept_until < $2
                    OR EXISTS (
                       SELECT FROM notice AS newer
                        WHERE newer.appointment_id = old.appointment_id
                          AND newer.audience = old.audience
                          AND newer.id > old.id
                          AND newer.addressee IS NOT DISTINCT FROM old.addressee
                          AND newer.person_id IS NOT DISTINCT FROM old.person_id))
            RETURNING old.id
        )
        UPDATE horizon
           SET id = greatest(horizon.id, (SELECT max(dropped.id) FROM dropped))
        """,
        replayed_from,
        now,
    )
    await tx.execute(
        """
        DELETE FROM appointment
         WHERE kept_until < $1
           AND NOT EXISTS (SELECT FROM notice
                            WHERE notice.appointment_id = appointment.appointment_id)
        """,
        now,
    )


async def _wake(tx: Writer) -> None:
    await tx.execute("SELECT pg_notify($1, '')", CHANNEL)


def _appointment(row: Any) -> Appointment:
    return Appointment(
        row["appointment_id"],
        row["kept_until"],
        row["unit_id"],
        Heard(
            details=row["details"],
            times=row["times"],
            status=row["status"],
            starts_at=row["starts_at"],
            over=row["over_upto"],
        ),
    )


def _notices(rows: Iterable[Any]) -> list[Notice]:
    """One that cannot be read is left out: it must not keep the others from anybody."""
    read = []
    for row in rows:
        try:
            read.append(_notice(row))
        except (ValueError, LookupError, TypeError) as error:
            UNREADABLE.inc()
            log("notifier").error(
                "A notice cannot be read and is left out.",
                notice_id=row["id"],
                **trouble(error),
            )
    return read


def _notice(row: Any) -> Notice:
    person = row["person_id"]
    told = {
        "id": row["id"],
        "topic": row["topic"],
        "appointment_id": row["appointment_id"],
        "person_id": str(person) if person else None,
        "at": row["at"].isoformat(),
        **json.loads(row["codes"]),
    }
    return Notice(
        row["id"], Audience(row["audience"]), row["addressee"], told, row["noted_at"]
    )
