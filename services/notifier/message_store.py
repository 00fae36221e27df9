"""Messages in PostgreSQL: queued once, claimed by one courier at a time."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database import Reader, Writer
from chassis.outcome import Reason
from chassis.sending import State
from services.notifier.message import Channel, Message, Subject, To


async def queue(tx: Writer, message: Message) -> bool:
    """False when one with its `once` key is there: then nothing is queued.

    One that had become untrue, and is true after all, is queued again.
    """
    queued = await tx.fetchval(
        """
        INSERT INTO message
               (message_id, once, channel, recipient, subject, appointment_id, unit_id,
                person_id, subscription_id, codes, created_at, until, due_at, state,
                attempts, lease, doubt, reason, reference, settled_at, said_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14,
                $15, $16, $17, $18, $19, $20, $21)
        ON CONFLICT (once)
        DO UPDATE SET state = excluded.state, due_at = excluded.due_at,
                      until = excluded.until, settled_at = NULL, reason = NULL
                WHERE message.state = 'obsolete' AND NOT message.doubt
        RETURNING true
        """,
        message.message_id,
        message.once,
        message.channel,
        message.to,
        message.subject,
        message.appointment_id,
        message.unit_id,
        message.person_id,
        message.subscription_id,
        json.dumps(dict(message.codes)),
        message.created_at,
        message.until,
        message.due_at,
        message.state,
        message.attempts,
        message.lease,
        message.doubt,
        message.reason,
        message.reference,
        message.settled_at,
        message.said_at,
    )
    return queued is not None


async def hold_next_due(
    tx: Writer, channel: Channel, at: datetime, at_once: int
) -> Any:
    """The row of the one that has been due for longest and that nobody else holds.

    `read` makes a message of it, if it can be read.

    A unit's system that is slow to answer is called `at_once` times at most, so that it
    holds up no other unit's.
    """
    return await tx.fetchrow(
        """
        WITH busy AS (
            SELECT unit_id FROM message
             WHERE channel = $1 AND recipient = 'system' AND due_at > $2
               AND state = 'sending'
             GROUP BY unit_id HAVING count(*) >= $3
        )
        SELECT message_id, once, channel, recipient, subject, appointment_id, unit_id,
               person_id, subscription_id, codes, created_at, until, due_at, state,
               attempts, lease, doubt, reason, reference, settled_at, said_at
          FROM message
         WHERE channel = $1 AND due_at <= $2 AND state IN ('queued', 'sending')
           AND (unit_id IS NULL OR unit_id NOT IN (SELECT unit_id FROM busy))
         ORDER BY due_at
         LIMIT 1 FOR UPDATE OF message SKIP LOCKED
        """,
        channel,
        at,
        at_once,
    )


async def put_aside(
    tx: Writer, message_id: UUID, at: datetime, until: datetime
) -> bool:
    """One that cannot be read or judged waits, or has failed when its time is over.

    False when somebody else has it by now.
    """
    put = await tx.fetchval(
        """
        UPDATE message
           SET state = CASE WHEN until <= $2 THEN 'failed' ELSE 'queued' END,
               reason = CASE WHEN until <= $2 THEN $4 END,
               settled_at = CASE WHEN until <= $2 THEN $2::timestamptz END,
               due_at = $3,
               doubt = doubt OR state = 'sending',
               lease = NULL
         WHERE message_id = $1 AND due_at <= $2 AND state IN ('queued', 'sending')
        RETURNING true
        """,
        message_id,
        at,
        until,
        Reason.UNWRITABLE,
    )
    return put is not None


async def hold_leased(tx: Writer, message_id: UUID, lease: UUID) -> Message | None:
    """Nothing when the lease has passed to another."""
    row = await tx.fetchrow(
        """
        SELECT message_id, once, channel, recipient, subject, appointment_id, unit_id,
               person_id, subscription_id, codes, created_at, until, due_at, state,
               attempts, lease, doubt, reason, reference, settled_at, said_at
          FROM message
         WHERE message_id = $1 AND lease = $2 FOR UPDATE
        """,
        message_id,
        lease,
    )
    return read(row) if row else None


async def save(tx: Writer, message: Message) -> None:
    await tx.execute(
        """
        UPDATE message
           SET due_at = $2, state = $3, attempts = $4, lease = $5, doubt = $6,
               reason = $7, reference = $8, settled_at = $9, until = $10
         WHERE message_id = $1
        """,
        message.message_id,
        message.due_at,
        message.state,
        message.attempts,
        message.lease,
        message.doubt,
        message.reason,
        message.reference,
        message.settled_at,
        message.until,
    )


async def hold_queued(
    tx: Writer, appointment_id: str, subjects: Iterable[Subject]
) -> Sequence[Message]:
    """Those about this that have not left, to be said no more."""
    rows = await tx.fetch(
        """
        SELECT message_id, once, channel, recipient, subject, appointment_id, unit_id,
               person_id, subscription_id, codes, created_at, until, due_at, state,
               attempts, lease, doubt, reason, reference, settled_at, said_at
          FROM message
         WHERE appointment_id = $1 AND subject = ANY($2) AND state = 'queued'
         ORDER BY message_id FOR UPDATE
        """,
        appointment_id,
        sorted(subjects),
    )
    return [read(row) for row in rows]


async def hold_without_unit(tx: Writer, appointment_id: str) -> Sequence[Message]:
    """What a unit's system is to hear once we know whose the appointment is."""
    rows = await tx.fetch(
        """
        SELECT message_id, once, channel, recipient, subject, appointment_id, unit_id,
               person_id, subscription_id, codes, created_at, until, due_at, state,
               attempts, lease, doubt, reason, reference, settled_at, said_at
          FROM message
         WHERE appointment_id = $1 AND channel = 'webhook' AND unit_id IS NULL
           AND state = 'queued'
         ORDER BY created_at, message_id FOR UPDATE
        """,
        appointment_id,
    )
    return [read(row) for row in rows]


async def address(tx: Writer, message_id: UUID, unit_id: str, at: datetime) -> None:
    """Now that we know whose it is, it may go."""
    await tx.execute(
        "UPDATE message SET unit_id = $2, due_at = $3 WHERE message_id = $1",
        message_id,
        unit_id,
        at,
    )


async def hold_for_replay(
    tx: Writer, unit_id: str, since: datetime, ids: Sequence[UUID]
) -> Sequence[Message]:
    """What was said to a unit's system since then, or under these ids."""
    rows = await tx.fetch(
        """
        SELECT message_id, once, channel, recipient, subject, appointment_id, unit_id,
               person_id, subscription_id, codes, created_at, until, due_at, state,
               attempts, lease, doubt, reason, reference, settled_at, said_at
          FROM message
         WHERE channel = 'webhook' AND unit_id = $1
           AND state NOT IN ('queued', 'sending')
           AND ((cardinality($3::uuid[]) = 0 AND created_at >= $2)
                OR message_id = ANY($3))
         ORDER BY created_at, message_id FOR UPDATE
        """,
        unit_id,
        since,
        list(ids),
    )
    return [read(row) for row in rows]


async def delay_has_left(tx: Reader, appointment_id: str) -> bool:
    """Whether somebody was told of a delay, or may have been."""
    left: bool = await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM message
                        WHERE appointment_id = $1 AND subject = 'delay'
                          AND (state IN ('accepted', 'sending') OR doubt))
        """,
        appointment_id,
    )
    return left


async def is_off(tx: Reader, unit_id: str, url_digest: bytes) -> bool:
    """Whether the receiver at this address has said that it wants no more."""
    off: bool = await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM switched_off
                        WHERE unit_id = $1 AND url_digest = $2)
        """,
        unit_id,
        url_digest,
    )
    return off


async def switch_off(tx: Writer, unit_id: str, url_digest: bytes, at: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO switched_off (unit_id, url_digest, at) VALUES ($1, $2, $3)
        ON CONFLICT (unit_id)
        DO UPDATE SET url_digest = excluded.url_digest, at = excluded.at
        """,
        unit_id,
        url_digest,
        at,
    )


async def switch_on(tx: Writer, unit_id: str) -> None:
    await tx.execute("DELETE FROM switched_off WHERE unit_id = $1", unit_id)


async def of_appointment(tx: Reader, appointment_id: str) -> Sequence[Message]:
    """What was told of it, oldest first."""
    rows = await tx.fetch(
        """
        SELECT message_id, once, channel, recipient, subject, appointment_id, unit_id,
               person_id, subscription_id, codes, created_at, until, due_at, state,
               attempts, lease, doubt, reason, reference, settled_at, said_at
          FROM message
         WHERE appointment_id = $1
         ORDER BY created_at, message_id
        """,
        appointment_id,
    )
    return [read(row) for row in rows]


async def oldest_waiting(tx: Reader) -> dict[Channel, datetime]:
    rows = await tx.fetch(
        """
        SELECT channel, min(created_at) AS oldest FROM message
         WHERE state IN ('queued', 'sending') GROUP BY channel
        """
    )
    return {Channel(row["channel"]): row["oldest"] for row in rows}


async def forget(tx: Writer, settled_before: datetime) -> None:
    await tx.execute("DELETE FROM message WHERE settled_at < $1", settled_before)


def read(row: Any) -> Message:
    """Raises `ValueError` when it is of a kind that we do not know."""
    return Message(
        message_id=UUID(str(row["message_id"])),
        once=row["once"],
        channel=Channel(row["channel"]),
        to=To(row["recipient"]),
        subject=Subject(row["subject"]),
        appointment_id=row["appointment_id"],
        unit_id=row["unit_id"],
        person_id=row["person_id"],
        subscription_id=row["subscription_id"],
        codes=json.loads(row["codes"]),
        created_at=row["created_at"],
        until=row["until"],
        due_at=row["due_at"],
        state=State(row["state"]),
        attempts=row["attempts"],
        lease=row["lease"],
        doubt=row["doubt"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        reference=row["reference"],
        settled_at=row["settled_at"],
        said_at=row["said_at"],
    )
