"""How patients are reached, and who is where, in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from chassis.database import Reader, Writer
from contract.booking import Language
from contract.identity import Role
from services.notifier.contact import Attendee, Contact


async def contact(tx: Reader, appointment_id: str) -> Contact:
    """What is known, which may be nothing yet."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, phone, language, agreed, chosen, ends_at, cancelled,
               delay, delayed_at, told_delay
          FROM contact
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return _contact(row) if row else Contact(appointment_id)


async def keep(tx: Writer, known: Contact) -> None:
    await tx.execute(
        """
        INSERT INTO contact
               (appointment_id, phone, language, agreed, chosen, ends_at, cancelled,
                delay, delayed_at, told_delay)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (appointment_id)
        DO UPDATE SET phone = excluded.phone,
                      language = excluded.language,
                      agreed = excluded.agreed,
                      chosen = excluded.chosen,
                      ends_at = excluded.ends_at,
                      cancelled = excluded.cancelled,
                      delay = excluded.delay,
                      delayed_at = excluded.delayed_at,
                      told_delay = excluded.told_delay
        """,
        known.appointment_id,
        known.phone.get_secret_value() if known.phone else None,
        known.language,
        known.agreed,
        known.chosen,
        known.ends_at,
        known.cancelled,
        known.delay,
        known.delayed_at,
        known.told_delay,
    )


async def attendees(tx: Reader, appointment_id: str) -> Sequence[Attendee]:
    rows = await tx.fetch(
        """
        SELECT appointment_id, person_id, role, here_at, left_at, away_at, admitted_at
          FROM attendee
         WHERE appointment_id = $1
         ORDER BY person_id
        """,
        appointment_id,
    )
    return [_attendee(row) for row in rows]


async def attendee(tx: Reader, appointment_id: str, person_id: UUID) -> Attendee:
    """What is known, which may be nothing yet."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, person_id, role, here_at, left_at, away_at, admitted_at
          FROM attendee
         WHERE appointment_id = $1 AND person_id = $2
        """,
        appointment_id,
        person_id,
    )
    return _attendee(row) if row else Attendee(appointment_id, person_id)


async def seat(tx: Writer, known: Attendee) -> None:
    await tx.execute(
        """
        INSERT INTO attendee
               (appointment_id, person_id, role, here_at, left_at, away_at, admitted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (appointment_id, person_id)
        DO UPDATE SET role = excluded.role,
                      here_at = excluded.here_at,
                      left_at = excluded.left_at,
                      away_at = excluded.away_at,
                      admitted_at = excluded.admitted_at
        """,
        known.appointment_id,
        known.person_id,
        known.role,
        known.here_at,
        known.left_at,
        known.away_at,
        known.admitted_at,
    )


def _contact(row: Any) -> Contact:
    return Contact(
        appointment_id=row["appointment_id"],
        phone=SecretStr(row["phone"]) if row["phone"] else None,
        language=Language(row["language"]) if row["language"] else None,
        agreed=row["agreed"],
        chosen=row["chosen"],
        ends_at=row["ends_at"],
        cancelled=row["cancelled"],
        delay=row["delay"],
        delayed_at=row["delayed_at"],
        told_delay=row["told_delay"],
    )


def _attendee(row: Any) -> Attendee:
    return Attendee(
        appointment_id=row["appointment_id"],
        person_id=UUID(str(row["person_id"])),
        role=Role(row["role"]) if row["role"] else None,
        here_at=row["here_at"],
        left_at=row["left_at"],
        away_at=row["away_at"],
        admitted_at=row["admitted_at"],
    )
