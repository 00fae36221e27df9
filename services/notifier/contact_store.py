"""How patients are reached, in PostgreSQL."""

from typing import Any

from pydantic import SecretStr

from chassis.database import Reader, Writer
from contract.booking import Language
from services.notifier.contact import Contact


async def contact(tx: Reader, appointment_id: str) -> Contact:
    """What is known, which may be nothing yet."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, phone, language, agreed, chosen, ends_at, cancelled
          FROM contact
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return _contact(row) if row else Contact(appointment_id)


async def keep(tx: Writer, known: Contact) -> None:
    """All but what the patient chose."""
    await tx.execute(
        """
        INSERT INTO contact
               (appointment_id, phone, language, agreed, ends_at, cancelled)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (appointment_id)
        DO UPDATE SET phone = excluded.phone,
                      language = excluded.language,
                      agreed = excluded.agreed,
                      ends_at = excluded.ends_at,
                      cancelled = excluded.cancelled
        """,
        known.appointment_id,
        known.phone.get_secret_value() if known.phone else None,
        known.language,
        known.agreed,
        known.ends_at,
        known.cancelled,
    )


async def choose(tx: Writer, appointment_id: str, *, texts: bool) -> None:
    """What the patient chose, and nothing else: the booking may be heard meanwhile."""
    await tx.execute(
        """
        INSERT INTO contact (appointment_id, agreed, chosen, cancelled)
        VALUES ($1, false, $2, false)
        ON CONFLICT (appointment_id) DO UPDATE SET chosen = excluded.chosen
        """,
        appointment_id,
        texts,
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
    )
