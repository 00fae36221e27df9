"""What was heard of appointments, in PostgreSQL."""

import json
from typing import Any

from chassis.database import Reader, Writer
from contract.appointment import Heard
from contract.slot import Slot
from services.notifier.fact import Fact, History


async def keep(tx: Writer, appointment_id: str, fact: Fact) -> None:
    slot = fact.slot
    await tx.execute(
        """
        INSERT INTO fact (appointment_id, topic, person_id, at, noted_at, starts_at,
                          sequence, by, codes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
        """,
        appointment_id,
        fact.topic,
        fact.person_id,
        fact.at,
        fact.noted_at,
        slot.starts_at if slot else None,
        slot.sequence if slot else None,
        fact.by,
        json.dumps(dict(fact.codes)),
    )


async def history(tx: Reader, appointment_id: str, heard: Heard) -> History:
    rows = await tx.fetch(
        """
        SELECT topic, person_id, at, noted_at, starts_at, sequence, by, codes
          FROM fact
         WHERE appointment_id = $1
         ORDER BY id
        """,
        appointment_id,
    )
    return History(tuple(map(_fact, rows)), heard)


def _fact(row: Any) -> Fact:
    named = row["starts_at"] is not None and row["sequence"] is not None
    return Fact(
        topic=row["topic"],
        at=row["at"],
        noted_at=row["noted_at"],
        person_id=row["person_id"],
        slot=Slot(row["starts_at"], row["sequence"]) if named else None,
        by=row["by"],
        codes=json.loads(row["codes"]),
    )
