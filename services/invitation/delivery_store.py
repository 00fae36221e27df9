"""Deliveries in PostgreSQL. Whoever changes one holds its appointment first."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from chassis.database import Reader, Writer
from chassis.outcome import Reason
from chassis.sending import State
from services.invitation.domain import Delivery
from services.invitation.rows import by_appointment, delivery_of


async def deliveries(tx: Reader, appointment_id: str) -> Sequence[Delivery]:
    """Oldest first."""
    rows = await tx.fetch(
        """
        SELECT delivery_id, kind, revision, link_digest, state, attempts, due_at, lease,
               doubt, reason, asked_by, created_at, settled_at, role, wanted_at, ahead,
               minutes, domain, recipient
          FROM delivery
         WHERE appointment_id = $1
         ORDER BY number
        """,
        appointment_id,
    )
    return [delivery_of(row) for row in rows]


async def deliveries_of(
    tx: Reader, appointment_ids: Sequence[str]
) -> Mapping[str, Sequence[Delivery]]:
    """Oldest first, by appointment."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, delivery_id, kind, revision, link_digest, state, attempts,
               due_at, lease, doubt, reason, asked_by, created_at, settled_at, role,
               wanted_at, ahead, minutes, domain, recipient
          FROM delivery
         WHERE appointment_id = ANY ($1)
         ORDER BY number
        """,
        appointment_ids,
    )
    return by_appointment(rows, delivery_of)


async def put(tx: Writer, appointment_id: str, *changed: Delivery) -> None:
    """In one go, however many they are."""
    await tx.executemany(
        """
        INSERT INTO delivery (delivery_id, appointment_id, kind, revision, link_digest,
                              state, attempts, due_at, lease, doubt, reason, asked_by,
                              created_at, settled_at, role, wanted_at, ahead, minutes,
                              domain, recipient)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                $17, $18, $19, $20)
        ON CONFLICT (delivery_id)
        DO UPDATE SET state = excluded.state,
                      attempts = excluded.attempts,
                      due_at = excluded.due_at,
                      lease = excluded.lease,
                      doubt = excluded.doubt,
                      reason = excluded.reason,
                      settled_at = excluded.settled_at,
                      recipient = excluded.recipient
        """,
        [_values(appointment_id, each) for each in changed],
    )


def _values(appointment_id: str, delivery: Delivery) -> tuple[object, ...]:
    return (
        delivery.delivery_id,
        appointment_id,
        delivery.kind,
        delivery.revision,
        delivery.link_digest,
        delivery.state,
        delivery.attempts,
        delivery.due_at,
        delivery.lease,
        delivery.doubt,
        delivery.reason,
        delivery.asked_by,
        delivery.created_at,
        delivery.settled_at,
        delivery.role,
        delivery.wanted_at,
        delivery.ahead,
        delivery.minutes,
        delivery.domain,
        delivery.recipient,
    )


async def due(
    tx: Reader, at: datetime, most: int, but_to: Sequence[str]
) -> Sequence[str]:
    """The appointments whose deliveries have waited longest, as `store.hold_due`."""
    rows = await tx.fetch(
        """
        SELECT appointment_id
          FROM delivery
         WHERE state IN ('queued', 'sending') AND due_at <= $1 AND domain <> ALL ($3)
         GROUP BY appointment_id
         ORDER BY min(due_at)
         LIMIT $2
        """,
        at,
        most,
        but_to,
    )
    return [row["appointment_id"] for row in rows]


async def set_aside(
    tx: Writer, appointment_id: str, at: datetime, try_for: timedelta
) -> Sequence[Delivery]:
    """What is due of an appointment is tried later and later, until it has failed.

    Returns what has failed by now. By the database alone, since nothing else is sure to be readable.
    """
    await tx.execute(
        "SELECT FROM appointment WHERE appointment_id = $1 FOR UPDATE", appointment_id
    )
    rows = await tx.fetch(
        """
        UPDATE delivery
           SET state = CASE WHEN wanted_at + $3 <= $2 THEN 'failed' ELSE 'queued' END,
               reason = CASE WHEN wanted_at + $3 <= $2 THEN $4 END,
               settled_at = CASE WHEN wanted_at + $3 <= $2 THEN $2 END,
               due_at = $2 + least(interval '1 hour',
                                   interval '1 minute' * 2 ^ least(attempts, 6)),
               attempts = attempts + 1,
               doubt = doubt OR state = 'sending',
               lease = NULL
         WHERE appointment_id = $1 AND state IN ('queued', 'sending') AND due_at <= $2
        RETURNING delivery_id, kind, revision, link_digest, state, attempts, due_at,
                  lease, doubt, reason, asked_by, created_at, settled_at, role,
                  wanted_at, ahead, minutes, domain, recipient
        """,
        appointment_id,
        at,
        try_for,
        Reason.UNWRITABLE,
    )
    return [delivery_of(row) for row in rows if row["state"] == State.FAILED]


async def hold_leased(tx: Writer, delivery: Delivery) -> bool:
    """Whether it is still leased so; then nobody else may change it meanwhile."""
    return bool(
        await tx.fetchval(
            """
            SELECT true
              FROM delivery JOIN appointment USING (appointment_id)
             WHERE delivery_id = $1 AND lease = $2
               FOR UPDATE
            """,
            delivery.delivery_id,
            delivery.lease,
        )
    )


async def waiting(tx: Reader, at: datetime) -> tuple[int, int]:
    """How many e-mails should have left by now, and how many of them to one domain."""
    row = await tx.fetchrow(
        """
        SELECT coalesce(sum(number), 0) AS whole, coalesce(max(number), 0) AS most
          FROM (SELECT count(*) AS number
                  FROM delivery
                 WHERE state IN ('queued', 'sending') AND wanted_at <= $1
                 GROUP BY domain) AS to_one
        """,
        at,
    )
    return int(row["whole"]), int(row["most"])


async def longest_waiting(tx: Reader, at: datetime) -> datetime | None:
    """Since when the e-mail waits that should have left longest ago."""
    wanted: datetime | None = await tx.fetchval(
        """
        SELECT min(wanted_at)
          FROM delivery
         WHERE state IN ('queued', 'sending') AND wanted_at <= $1
        """,
        at,
    )
    return wanted
