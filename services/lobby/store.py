"""Visits and places in PostgreSQL. SQL about messages is in message_store.py."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import audit
from chassis.database import Reader, Writer
from contract.booking import Professional
from services.lobby import rows
from services.lobby.domain import FOR_THE_PATIENT, Status, Visit
from services.lobby.place import Place, Whom


async def visit(tx: Reader, appointment_id: str) -> Visit | None:
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, status, details,
               starts_at, ends_at, admitted_at, in_call_since, invitation_failed,
               invitation_reason, invitation_at, delay_minutes, delay_inferred, delay_at,
               heard_over, slot_sequence AS visit_slot_sequence, invitation_starts_at,
               invitation_sequence, unserved
          FROM visit
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return rows.visit(row) if row else None


async def hold_visit(tx: Writer, appointment_id: str) -> Visit:
    """The visit, known or not, which nobody else may change until this transaction ends."""
    await tx.execute(
        """
        INSERT INTO visit (appointment_id, heard_details, heard_times, heard_status,
                           status, invitation_failed)
        VALUES ($1, -1, -1, -1, 'booked', false)
        ON CONFLICT DO NOTHING
        """,
        appointment_id,
    )
    return rows.visit(await _held(tx, appointment_id))


async def hold_known_visit(tx: Writer, appointment_id: str) -> Visit | None:
    """The same for a visit that must have been heard of: makes none."""
    row = await _held(tx, appointment_id)
    return rows.visit(row) if row else None


async def _held(tx: Writer, appointment_id: str) -> Any:
    return await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, status, details,
               starts_at, ends_at, admitted_at, in_call_since, invitation_failed,
               invitation_reason, invitation_at, delay_minutes, delay_inferred, delay_at,
               heard_over, slot_sequence AS visit_slot_sequence, invitation_starts_at,
               invitation_sequence, unserved
          FROM visit
         WHERE appointment_id = $1
           FOR UPDATE
        """,
        appointment_id,
    )


async def save_visit(tx: Writer, visit: Visit) -> None:
    stamp = visit.invitation.stamp
    sent_for = stamp.slot if stamp else None
    await tx.execute(
        """
        UPDATE visit
           SET heard_details = $2, heard_times = $3, heard_status = $4, status = $5,
               unit_id = $6, details = $7, starts_at = $8, ends_at = $9,
               admitted_at = $10, in_call_since = $11, invitation_failed = $12,
               invitation_reason = $13, invitation_at = $14, delay_minutes = $15,
               delay_inferred = $16, delay_at = $17, heard_over = $18,
               slot_sequence = $19, invitation_starts_at = $20,
               invitation_sequence = $21, unserved = $22
         WHERE appointment_id = $1
        """,
        visit.appointment_id,
        visit.heard.details,
        visit.heard.times,
        visit.heard.status,
        rows.status_column(visit.status),
        visit.details.unit.id if visit.details else None,
        rows.details_json(visit.details) if visit.details else None,
        visit.starts_at,
        visit.ends_at,
        visit.admitted_at,
        visit.in_call_since,
        visit.invitation.failed,
        visit.invitation.reason,
        stamp.at if stamp else None,
        visit.delay.minutes if visit.delay else None,
        visit.delay.inferred if visit.delay else None,
        visit.delay.at if visit.delay else None,
        visit.heard.over,
        visit.slot_sequence,
        sent_for.starts_at if sent_for else None,
        sent_for.sequence if sent_for else None,
        visit.status is Status.UNSERVED,
    )


async def overdue(tx: Reader, ended_before: datetime) -> Sequence[str]:
    """Appointments still booked whose time is over, to which nobody was or is let in."""
    found = await tx.fetch(
        """
        SELECT appointment_id
          FROM visit
         WHERE ends_at < $1 AND status = 'booked' AND admitted_at IS NULL
           AND details IS NOT NULL
           AND NOT EXISTS (SELECT FROM place
                            WHERE place.appointment_id = visit.appointment_id
                              AND state = 'admitted' AND role = ANY($2))
         ORDER BY ends_at
         LIMIT 100
        """,
        ended_before,
        list(FOR_THE_PATIENT),
    )
    return [row["appointment_id"] for row in found]


async def kept_waiting(tx: Reader, now: datetime) -> Sequence[str]:
    """Appointments at which somebody waits while their professional is in another call.

    That is whoever let someone in there, whomever the appointment was booked with.
    """
    found = await tx.fetch(
        """
        SELECT appointment_id
          FROM visit
         WHERE status = 'booked' AND admitted_at IS NULL AND starts_at < $1
           AND appointment_id IN (SELECT appointment_id FROM place
                                   WHERE state = 'waiting')
           AND EXISTS (SELECT
                         FROM place AS inside
                         JOIN visit AS other USING (appointment_id)
                        WHERE inside.state = 'admitted'
                          AND inside.by_id = visit.details -> 'professional' ->> 'id'
                          AND other.in_call_since IS NOT NULL
                          AND other.appointment_id <> visit.appointment_id)
         ORDER BY starts_at
        """,
        now,
    )
    return [row["appointment_id"] for row in found]


async def given_up(tx: Reader, now: datetime) -> Sequence[Whom]:
    """Who was asked to come, and the time for it has passed."""
    found = await tx.fetch(
        """
        SELECT appointment_id, person_id
          FROM place
         WHERE summoned_until <= $1 AND NOT summons_passed
         ORDER BY summoned_until
         LIMIT 100
        """,
        now,
    )
    return [Whom(row["appointment_id"], row["person_id"]) for row in found]


async def forget(tx: Writer, ended_before: datetime) -> None:
    """Drop visits, with their places, that ended long ago."""
    await tx.execute("DELETE FROM visit WHERE ends_at < $1", ended_before)
    await tx.execute("DELETE FROM presence WHERE seen_at < $1", ended_before)


async def place(tx: Reader, appointment_id: str, person_id: UUID) -> Place | None:
    row = await tx.fetchrow(
        """
        SELECT appointment_id, person_id, role, name, birth_year, method, state, version,
               since, asked_at, reason, by_id, by_name, away_since, summoned_at, summoned_until,
               summons_passed, checks, slot_sequence
          FROM place
         WHERE (appointment_id, person_id) = ($1, $2)
        """,
        appointment_id,
        person_id,
    )
    return rows.place(row) if row else None


async def places(tx: Reader, appointment_id: str) -> Sequence[Place]:
    """All places of an appointment; who holds the visit holds these too."""
    found = await tx.fetch(
        """
        SELECT appointment_id, person_id, role, name, birth_year, method, state, version,
               since, asked_at, reason, by_id, by_name, away_since, summoned_at, summoned_until,
               summons_passed, checks, slot_sequence
          FROM place
         WHERE appointment_id = $1
         ORDER BY person_id
        """,
        appointment_id,
    )
    return [rows.place(row) for row in found]


async def save(tx: Writer, place: Place) -> None:
    await tx.execute(
        """
        INSERT INTO place (appointment_id, person_id, role, name, birth_year, method,
                           state, version, since, reason, by_id, by_name, checks,
                           away_since, summoned_at, summoned_until, summons_passed,
                           asked_at, slot_sequence)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                $17, $18, $19)
        ON CONFLICT (appointment_id, person_id)
        DO UPDATE SET role = excluded.role,
                      name = excluded.name,
                      birth_year = excluded.birth_year,
                      method = excluded.method,
                      state = excluded.state,
                      version = excluded.version,
                      since = excluded.since,
                      reason = excluded.reason,
                      by_id = excluded.by_id,
                      by_name = excluded.by_name,
                      checks = excluded.checks,
                      away_since = excluded.away_since,
                      summoned_at = excluded.summoned_at,
                      summoned_until = excluded.summoned_until,
                      summons_passed = excluded.summons_passed,
                      asked_at = excluded.asked_at,
                      slot_sequence = excluded.slot_sequence
        """,
        place.appointment_id,
        place.person.person_id,
        place.person.role,
        place.person.name.get_secret_value(),
        place.person.birth_year,
        place.person.method,
        place.state,
        place.version,
        place.since,
        place.reason,
        place.by.id if place.by else None,
        place.by.name if place.by else None,
        json.dumps(dict(place.checks)),
        place.away_since,
        place.summons.at if place.summons else None,
        place.summons.until if place.summons else None,
        place.summons.passed if place.summons else False,
        place.asked_at,
        place.slot_sequence,
    )


async def before(tx: Reader, appointment_id: str) -> int:
    """How many visits of the same professional are before this one, which waits.

    In the order of the professional's own list: by time, then by who first asked to join.
    """
    count: int = await tx.fetchval(
        """
        WITH line AS (
            SELECT appointment_id, visit.starts_at, min(place.asked_at) AS asked_at
              FROM visit
              JOIN place USING (appointment_id)
             WHERE place.state = 'waiting' AND visit.status <> 'cancelled'
               AND (visit.unit_id, visit.details -> 'professional' ->> 'id') =
                   (SELECT unit_id, details -> 'professional' ->> 'id'
                      FROM visit WHERE appointment_id = $1)
             GROUP BY appointment_id
        )
        SELECT count(*)
          FROM line
          JOIN line AS mine ON mine.appointment_id = $1
         WHERE (line.starts_at, line.asked_at, line.appointment_id) <
               (mine.starts_at, mine.asked_at, mine.appointment_id)
        """,
        appointment_id,
    )
    return count


async def seen(tx: Writer, appointment_id: str, person_id: UUID, at: datetime) -> None:
    """Renew a person's presence."""
    await tx.execute(
        """
        INSERT INTO presence (appointment_id, person_id, seen_at) VALUES ($1, $2, $3)
        ON CONFLICT (appointment_id, person_id) DO UPDATE SET seen_at = excluded.seen_at
        """,
        appointment_id,
        person_id,
        at,
    )


async def present(tx: Reader, since: datetime) -> frozenset[tuple[str, UUID]]:
    """Everyone whose page has been heard from since then."""
    found = await tx.fetch(
        "SELECT appointment_id, person_id FROM presence WHERE seen_at >= $1", since
    )
    return frozenset((row["appointment_id"], row["person_id"]) for row in found)


async def day(
    tx: Reader, units: Sequence[str], begins: datetime, ends: datetime
) -> Sequence[tuple[Visit, Sequence[Place]]]:
    """A day's visits in these units, and any other where somebody is, by time."""
    found = await tx.fetch(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, visit.status,
               details, starts_at, ends_at, admitted_at, in_call_since,
               invitation_failed, invitation_reason, invitation_at, delay_minutes,
               delay_inferred, delay_at, heard_over,
               visit.slot_sequence AS visit_slot_sequence, invitation_starts_at,
               invitation_sequence, unserved, person_id, role, name, birth_year,
               method, state, version, since, asked_at, reason, by_id, by_name, away_since,
               summoned_at, summoned_until, summons_passed, checks, place.slot_sequence
          FROM visit
          LEFT JOIN place USING (appointment_id)
         WHERE unit_id = ANY($1) AND starts_at IS NOT NULL
           AND (starts_at >= $2 AND starts_at < $3
                OR appointment_id IN (SELECT appointment_id FROM place
                                       WHERE state IN ('waiting', 'admitted')))
         ORDER BY starts_at, appointment_id, asked_at, since
        """,
        units,
        begins,
        ends,
    )
    visits: dict[str, Visit] = {}
    held: dict[str, list[Place]] = {}
    for row in found:
        visits.setdefault(row["appointment_id"], rows.visit(row))
        beside = held.setdefault(row["appointment_id"], [])
        if row["person_id"] is not None:
            beside.append(rows.place(row))
    return [(visit, held[key]) for key, visit in visits.items()]


async def note(
    tx: Writer,
    at: datetime,
    by: Professional,
    *,
    deed: str,
    on: Whom | Visit,
    code: str | None = None,
) -> None:
    """One line in the audit trail."""
    line = audit.Line(
        at,
        deed,
        who=by.id,
        whom=str(on.person_id) if isinstance(on, Whom) else None,
        appointment_id=on.appointment_id,
        code=code,
    )
    await audit.write(tx, line)
