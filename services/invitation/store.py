"""Appointments in PostgreSQL, and which of them has a delivery that is due.

Whoever changes an appointment or one of its deliveries holds the appointment first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database import Reader, Writer
from services.invitation.domain import (
    Appointment,
    Invited,
)
from services.invitation.rows import (
    appointment_of,
    by_appointment,
    companion_of,
    slots_to_json,
)

PAGE = 200


async def appointment(tx: Reader, appointment_id: str) -> Appointment | None:
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               revision, issued_digest, issued_until, corrected_email, delay, arrived,
               started
          FROM appointment
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return appointment_of(row, await _companions(tx, row)) if row else None


async def hold(tx: Writer, appointment_id: str) -> Appointment | None:
    """The appointment, which nobody else may change until this transaction ends."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               revision, issued_digest, issued_until, corrected_email, delay, arrived,
               started
          FROM appointment
         WHERE appointment_id = $1
           FOR UPDATE
        """,
        appointment_id,
    )
    return appointment_of(row, await _companions(tx, row)) if row else None


async def hold_free(tx: Writer, appointment_id: str) -> Appointment | None:
    """The same, unless somebody else holds it."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               revision, issued_digest, issued_until, corrected_email, delay, arrived,
               started
          FROM appointment
         WHERE appointment_id = $1
           FOR UPDATE SKIP LOCKED
        """,
        appointment_id,
    )
    return appointment_of(row, await _companions(tx, row)) if row else None


async def hold_or_make(tx: Writer, appointment_id: str, at: datetime) -> Appointment:
    """The same for one that may be new: what is not there cannot be held.

    The update changes nothing, and locks and returns what was there.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO appointment (appointment_id, heard_details, heard_times, heard_status,
                                 status, revision, changed_at)
        VALUES ($1, -1, -1, -1, 'booked', 0, $2)
        ON CONFLICT (appointment_id)
        DO UPDATE SET changed_at = appointment.changed_at
        RETURNING appointment_id, heard_details, heard_times, heard_status, heard_over,
                  slots, status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at,
                  ends_at, revision, issued_digest, issued_until, corrected_email, delay,
                  arrived, started
        """,
        appointment_id,
        at,
    )
    return appointment_of(row, await _companions(tx, row))


async def hold_due(
    tx: Writer, at: datetime, most: int, but_to: Sequence[str]
) -> Sequence[Appointment]:
    """Those whose deliveries have waited longest, without what others hold already.

    None for a delivery to one of these domains.
    """
    rows = await tx.fetch(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               appointment.revision, issued_digest, issued_until, corrected_email, delay,
               arrived, started
          FROM delivery JOIN appointment USING (appointment_id)
         WHERE state IN ('queued', 'sending') AND due_at <= $1 AND domain <> ALL ($3)
         ORDER BY due_at
         LIMIT $2
           FOR UPDATE OF appointment SKIP LOCKED
        """,
        at,
        most,
        but_to,
    )
    once = {row["appointment_id"]: row for row in rows}  # more than one may be due
    return [appointment_of(row, await _companions(tx, row)) for row in once.values()]


async def hold_of_delivery(tx: Writer, delivery_id: UUID) -> Appointment | None:
    """The appointment that a delivery is about, held."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               appointment.revision, issued_digest, issued_until, corrected_email, delay,
               arrived, started
          FROM delivery JOIN appointment USING (appointment_id)
         WHERE delivery_id = $1
           FOR UPDATE OF appointment
        """,
        delivery_id,
    )
    return appointment_of(row, await _companions(tx, row)) if row else None


async def _companions(tx: Reader, row: Any) -> Sequence[Invited]:
    rows = await tx.fetch(
        """
        SELECT role, email, language, asked, revision, issued_digest, issued_until
          FROM companion
         WHERE appointment_id = $1
         ORDER BY role, email
        """,
        row["appointment_id"],
    )
    return [companion_of(each) for each in rows]


async def save(tx: Writer, appointment: Appointment, at: datetime) -> None:
    recipient, times, issued = (
        appointment.recipient,
        appointment.times,
        appointment.issued,
    )
    await tx.execute(
        """
        UPDATE appointment
           SET heard_details = $2, heard_times = $3, heard_status = $4, status = $5,
               unit_id = $6, unit_name = $7::jsonb, email = $8, language = $9,
               starts_at = $10, ends_at = $11, revision = $12, issued_digest = $13,
               issued_until = $14, changed_at = $15, unit_phone = $16, unit_url = $17,
               corrected_email = $18, delay = $19, arrived = $20, started = $21,
               heard_over = $22, slots = $23::jsonb
         WHERE appointment_id = $1
        """,
        appointment.appointment_id,
        appointment.heard.details,
        appointment.heard.times,
        appointment.heard.status,
        appointment.status,
        recipient and recipient.unit.id,
        recipient and recipient.unit.name.model_dump_json(),
        recipient and recipient.email.get_secret_value(),
        recipient and recipient.language,
        times and times.starts_at,
        times and times.ends_at,
        appointment.revision,
        issued and issued.digest,
        issued and issued.until,
        at,
        recipient and recipient.unit.phone,
        recipient and recipient.unit.url,
        appointment.corrected and appointment.corrected.get_secret_value(),
        appointment.progress.delay or 0,
        sorted(appointment.progress.arrived),
        appointment.progress.started,
        appointment.heard.over,
        slots_to_json(appointment.slots),
    )
    await _save_companions(tx, appointment)


async def _save_companions(tx: Writer, appointment: Appointment) -> None:
    if (
        not appointment.companions
    ):  # who was asked once stays, so there were none before
        return
    await tx.execute(
        "DELETE FROM companion WHERE appointment_id = $1", appointment.appointment_id
    )
    await tx.executemany(
        """
        INSERT INTO companion (appointment_id, role, email, language, asked, revision,
                               issued_digest, issued_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        [
            (
                appointment.appointment_id,
                each.role,
                each.email.get_secret_value(),
                each.language,
                each.asked,
                each.revision,
                each.issued and each.issued.digest,
                each.issued and each.issued.until,
            )
            for each in appointment.companions
        ],
    )


async def of_day(
    tx: Reader, units: Sequence[str], begins: datetime, ends: datetime
) -> Sequence[Appointment]:
    """Those of these units that begin in this time, in the order of their times."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               revision, issued_digest, issued_until, corrected_email, delay, arrived,
               started
          FROM appointment
         WHERE unit_id = ANY ($1) AND starts_at >= $2 AND starts_at < $3
         ORDER BY starts_at, appointment_id
        """,
        units,
        begins,
        ends,
    )
    return await _with_companions(tx, rows)


async def page_of_issued(tx: Reader, after: str, at: datetime) -> Sequence[Appointment]:
    """The next of those that a link opens still, by their ids."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over, slots,
               status, unit_id, unit_name, unit_phone, unit_url, email, language, starts_at, ends_at,
               revision, issued_digest, issued_until, corrected_email, delay, arrived,
               started
          FROM appointment
         WHERE appointment_id > $1 AND ends_at > $2 AND status = 'booked'
         ORDER BY appointment_id
         LIMIT $3
        """,
        after,
        at,
        PAGE,
    )
    return await _with_companions(tx, rows)


async def _with_companions(tx: Reader, rows: Sequence[Any]) -> Sequence[Appointment]:
    beside = await tx.fetch(
        """
        SELECT appointment_id, role, email, language, asked, revision, issued_digest,
               issued_until
          FROM companion
         WHERE appointment_id = ANY ($1)
         ORDER BY role, email
        """,
        [row["appointment_id"] for row in rows],
    )
    companions = by_appointment(beside, companion_of)
    return [appointment_of(row, companions[row["appointment_id"]]) for row in rows]


async def forget(tx: Writer, before: datetime) -> int:
    """Drop appointments that ended, and were last changed, before this."""
    return int(
        await tx.fetchval(
            """
            WITH gone AS (
                DELETE FROM appointment
                 WHERE greatest(ends_at, changed_at) < $1
                RETURNING 1)
            SELECT count(*) FROM gone
            """,
            before,
        )
    )
