"""Messages in PostgreSQL. All SQL about them is on this page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.database import Reader, Writer
from services.lobby import rows
from services.lobby.message import Message
from services.lobby.place import Whom

NEWEST = 20  # of one person: what a page has room for


async def message(tx: Reader, message_id: UUID, whom: Whom) -> Message | None:
    """The message by this name, if it is for this person."""
    row = await tx.fetchrow(
        """
        SELECT message_id, appointment_id, person_id, at, by_id, by_name, code, text,
               read_at
          FROM message
         WHERE message_id = $1 AND (appointment_id, person_id) = ($2, $3)
        """,
        message_id,
        whom.appointment_id,
        whom.person_id,
    )
    return rows.message(row) if row else None


async def to(tx: Reader, whom: Whom) -> Sequence[Message]:
    """The newest to one person, oldest first."""
    found = await tx.fetch(
        """
        SELECT message_id, appointment_id, person_id, at, by_id, by_name, code, text,
               read_at
          FROM message
         WHERE (appointment_id, person_id) = ($1, $2)
         ORDER BY at DESC, message_id
         LIMIT $3
        """,
        whom.appointment_id,
        whom.person_id,
        NEWEST,
    )
    return [rows.message(row) for row in reversed(found)]


async def of(
    tx: Reader, appointments: Sequence[str]
) -> Mapping[Whom, Sequence[Message]]:
    """The newest to each person of these appointments, oldest first."""
    found = await tx.fetch(
        """
        SELECT message_id, appointment_id, person_id, at, by_id, by_name, code, text,
               read_at
          FROM (SELECT message.*,
                       row_number() OVER (PARTITION BY appointment_id, person_id
                                          ORDER BY at DESC, message_id) AS newest
                  FROM message
                 WHERE appointment_id = ANY($1)) AS numbered
         WHERE newest <= $2
         ORDER BY newest DESC
        """,
        appointments,
        NEWEST,
    )
    sent: dict[Whom, list[Message]] = defaultdict(list)
    for row in found:
        whom = Whom(row["appointment_id"], row["person_id"])
        sent[whom].append(rows.message(row))
    return sent


async def save(tx: Writer, message: Message) -> None:
    await tx.execute(
        """
        INSERT INTO message (message_id, appointment_id, person_id, at, by_id, by_name,
                             code, text, read_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (message_id) DO UPDATE SET read_at = excluded.read_at
        """,
        message.message_id,
        message.appointment_id,
        message.person_id,
        message.at,
        message.by.id,
        message.by.name,
        message.code,
        message.text.get_secret_value() if message.text else None,
        message.read_at,
    )


async def forget_free_text(tx: Writer, ended_before: datetime) -> None:
    """Drop what was written in somebody's own words for visits that ended before."""
    await tx.execute(
        """
        DELETE FROM message USING visit
         WHERE visit.appointment_id = message.appointment_id
           AND visit.ends_at < $1 AND message.text IS NOT NULL
        """,
        ended_before,
    )
