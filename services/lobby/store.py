"""Visits and places in PostgreSQL. All the lobby's SQL is on this page."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from chassis import audit
from chassis.database import Reader, Writer
from contract.appointment import Heard
from contract.booking import Professional, Service, Unit
from contract.identity import Role
from services.lobby.domain import Details, Person, Place, Reason, State, Status, Visit


async def visit(tx: Reader, appointment_id: str) -> Visit | None:
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, status, details,
               starts_at, ends_at, admitted_at, in_call_since, invitation_failed
          FROM visit
         WHERE appointment_id = $1
        """,
        appointment_id,
    )
    return _visit(row) if row else None


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
    return _visit(await _held(tx, appointment_id))


async def hold_known_visit(tx: Writer, appointment_id: str) -> Visit | None:
    """The same for a visit that must have been heard of: makes none."""
    row = await _held(tx, appointment_id)
    return _visit(row) if row else None


async def _held(tx: Writer, appointment_id: str) -> Any:
    return await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, status, details,
               starts_at, ends_at, admitted_at, in_call_since, invitation_failed
          FROM visit
         WHERE appointment_id = $1
           FOR UPDATE
        """,
        appointment_id,
    )


async def save_visit(tx: Writer, visit: Visit) -> None:
    await tx.execute(
        """
        UPDATE visit
           SET heard_details = $2, heard_times = $3, heard_status = $4, status = $5,
               unit_id = $6, details = $7, starts_at = $8, ends_at = $9,
               admitted_at = $10, in_call_since = $11, invitation_failed = $12
         WHERE appointment_id = $1
        """,
        visit.appointment_id,
        visit.heard.details,
        visit.heard.times,
        visit.heard.status,
        visit.status,
        visit.details.unit.id if visit.details else None,
        _details_json(visit.details) if visit.details else None,
        visit.starts_at,
        visit.ends_at,
        visit.admitted_at,
        visit.in_call_since,
        visit.invitation_failed,
    )


async def overdue(tx: Reader, ended_before: datetime) -> Sequence[str]:
    """Appointments still booked whose time is over and to which nobody was let in."""
    rows = await tx.fetch(
        """
        SELECT appointment_id
          FROM visit
         WHERE ends_at < $1 AND status = 'booked' AND admitted_at IS NULL
           AND details IS NOT NULL
         ORDER BY ends_at
         LIMIT 100
        """,
        ended_before,
    )
    return [row["appointment_id"] for row in rows]


async def forget(tx: Writer, ended_before: datetime) -> None:
    """Drop visits, with their places, that ended long ago."""
    await tx.execute("DELETE FROM visit WHERE ends_at < $1", ended_before)
    await tx.execute("DELETE FROM presence WHERE seen_at < $1", ended_before)


async def place(tx: Reader, appointment_id: str, person_id: UUID) -> Place | None:
    row = await tx.fetchrow(
        """
        SELECT appointment_id, person_id, role, name, birth_year, method, state, version,
               since, reason, by_id, by_name, checks
          FROM place
         WHERE (appointment_id, person_id) = ($1, $2)
        """,
        appointment_id,
        person_id,
    )
    return _place(row) if row else None


async def places(tx: Reader, appointment_id: str) -> Sequence[Place]:
    """All places of an appointment; who holds the visit holds these too."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, person_id, role, name, birth_year, method, state, version,
               since, reason, by_id, by_name, checks
          FROM place
         WHERE appointment_id = $1
         ORDER BY person_id
        """,
        appointment_id,
    )
    return [_place(row) for row in rows]


async def save(tx: Writer, place: Place) -> None:
    await tx.execute(
        """
        INSERT INTO place (appointment_id, person_id, role, name, birth_year, method,
                           state, version, since, reason, by_id, by_name, checks)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
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
                      checks = excluded.checks
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
    )


async def before(tx: Reader, place: Place) -> int:
    """How many visits have waited longer for the same professional, companions and all."""
    count: int = await tx.fetchval(
        """
        SELECT count(DISTINCT place.appointment_id)
          FROM place
          JOIN visit USING (appointment_id)
         WHERE place.state = 'waiting' AND place.since < $2
           AND visit.status <> 'cancelled' AND visit.appointment_id <> $1
           AND (visit.unit_id, visit.details -> 'professional' ->> 'id') =
               (SELECT unit_id, details -> 'professional' ->> 'id'
                  FROM visit WHERE appointment_id = $1)
        """,
        place.appointment_id,
        place.since,
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
    rows = await tx.fetch(
        "SELECT appointment_id, person_id FROM presence WHERE seen_at >= $1", since
    )
    return frozenset((row["appointment_id"], row["person_id"]) for row in rows)


async def day(
    tx: Reader, units: Sequence[str], begins: datetime, ends: datetime
) -> Sequence[tuple[Visit, Sequence[Place]]]:
    """A day's visits in these units, and any other where somebody is, by time."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, visit.status,
               details, starts_at, ends_at, admitted_at, in_call_since,
               invitation_failed, person_id, role, name, birth_year, method, state,
               version, since, reason, by_id, by_name, checks
          FROM visit
          LEFT JOIN place USING (appointment_id)
         WHERE unit_id = ANY($1) AND starts_at IS NOT NULL
           AND (starts_at >= $2 AND starts_at < $3
                OR appointment_id IN (SELECT appointment_id FROM place
                                       WHERE state IN ('waiting', 'admitted')))
         ORDER BY starts_at, appointment_id, since
        """,
        units,
        begins,
        ends,
    )
    visits: dict[str, Visit] = {}
    held: dict[str, list[Place]] = {}
    for row in rows:
        visits.setdefault(row["appointment_id"], _visit(row))
        beside = held.setdefault(row["appointment_id"], [])
        if row["person_id"] is not None:
            beside.append(_place(row))
    return [(visit, held[key]) for key, visit in visits.items()]


async def note(
    tx: Writer, at: datetime, by: Professional, deed: str, place: Place
) -> None:
    """One line in the audit trail."""
    line = audit.Line(
        at,
        deed,
        who=by.id,
        whom=str(place.person.person_id),
        appointment_id=place.appointment_id,
        code=place.reason,
    )
    await audit.write(tx, line)


def _visit(row: Any) -> Visit:
    return Visit(
        appointment_id=row["appointment_id"],
        heard=Heard(row["heard_details"], row["heard_times"], row["heard_status"]),
        status=Status(row["status"]),
        details=_details(json.loads(row["details"])) if row["details"] else None,
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        admitted_at=row["admitted_at"],
        in_call_since=row["in_call_since"],
        invitation_failed=row["invitation_failed"],
    )


def _details(document: Mapping[str, Any]) -> Details:
    return Details(
        unit=Unit.model_validate(document["unit"]),
        service=Service(document["service"]),
        professional=Professional.model_validate(document["professional"]),
        patient_name=SecretStr(document["patient_name"]),
    )


def _details_json(details: Details) -> str:
    return json.dumps(
        {
            "unit": details.unit.model_dump(),
            "service": details.service,
            "professional": details.professional.model_dump(),
            "patient_name": details.patient_name.get_secret_value(),
        }
    )


def _place(row: Any) -> Place:
    by = Professional(id=row["by_id"], name=row["by_name"]) if row["by_id"] else None
    return Place(
        appointment_id=row["appointment_id"],
        person=Person(
            person_id=row["person_id"],
            role=Role(row["role"]),
            name=SecretStr(row["name"]),
            birth_year=row["birth_year"],
            method=row["method"],
        ),
        state=State(row["state"]),
        version=row["version"],
        since=row["since"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        by=by,
        checks=MappingProxyType(json.loads(row["checks"])),
    )
