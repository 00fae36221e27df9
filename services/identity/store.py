"""Appointments, links, attempts and the audit in PostgreSQL. All SQL is on this page."""

from datetime import datetime
from typing import Any

from chassis import audit
from chassis.database import Reader, Writer
from contract.appointment import Heard
from contract.identity import Role
from contract.slot import Stamp
from services.identity.domain import (
    Appointment,
    Attempt,
    Attendee,
    Digest,
    Link,
    Note,
    Purpose,
    Question,
    Status,
)


async def hold(tx: Writer, appointment_id: str) -> Appointment | None:
    """The appointment, which nobody else may change until this transaction ends."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, heard_details, heard_times, heard_status, heard_over,
               status, starts_at, ends_at
          FROM appointment
         WHERE appointment_id = $1
           FOR UPDATE
        """,
        appointment_id,
    )
    return _appointment(row, await _attendees(tx, appointment_id)) if row else None


async def hold_or_open(tx: Writer, appointment_id: str, at: datetime) -> Appointment:
    """The same; for one never heard of, a row to hold on to is made first."""
    await tx.execute(
        """
        INSERT INTO appointment (appointment_id, changed_at) VALUES ($1, $2)
        ON CONFLICT DO NOTHING
        """,
        appointment_id,
        at,
    )
    return await hold(tx, appointment_id) or Appointment(appointment_id)


async def _attendees(tx: Reader, appointment_id: str) -> tuple[Attendee, ...]:
    rows = await tx.fetch(
        """
        SELECT role, key_id, digest, birth_date, sealed
          FROM attendee
         WHERE appointment_id = $1
         ORDER BY role, digest
        """,
        appointment_id,
    )
    return tuple(_attendee(row) for row in rows)


async def save(tx: Writer, changed: Appointment, at: datetime) -> None:
    await tx.execute(
        """
        UPDATE appointment
           SET heard_details = $2, heard_times = $3, heard_status = $4, status = $5,
               starts_at = $6, ends_at = $7, changed_at = $8, heard_over = $9
         WHERE appointment_id = $1
        """,
        changed.appointment_id,
        changed.heard.details,
        changed.heard.times,
        changed.heard.status,
        changed.status,
        changed.starts_at,
        changed.ends_at,
        at,
        changed.heard.over,
    )
    await tx.execute(
        "DELETE FROM attendee WHERE appointment_id = $1", changed.appointment_id
    )
    await tx.executemany(
        """
        INSERT INTO attendee (appointment_id, role, key_id, digest, birth_date, sealed)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [
            (
                changed.appointment_id,
                each.role,
                each.digest.key_id,
                each.digest.value,
                each.birth_date,
                each.sealed,
            )
            for each in changed.attendees
        ],
    )


async def keep_link(
    tx: Writer, link_digest: str, link: Link, expires_at: datetime, stamp: Stamp
) -> None:
    """The newest word about a link counts: that is how one is withdrawn.

    The order is that of `contract.slot.Stamp`.
    """
    await tx.execute(
        """
        INSERT INTO link (link_digest, appointment_id, companion, expires_at, said_at,
                          sequence)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (link_digest)
        DO UPDATE SET expires_at = excluded.expires_at,
                      said_at = excluded.said_at,
                      sequence = excluded.sequence
                WHERE CASE WHEN link.sequence <> excluded.sequence
                           THEN link.sequence < excluded.sequence
                           ELSE link.said_at <= excluded.said_at
                      END
        """,
        link_digest,
        link.appointment_id,
        link.companion,
        expires_at,
        stamp.at,
        stamp.slot.sequence if stamp.slot else None,
    )


async def link(tx: Reader, link_digest: str, at: datetime) -> Link | None:
    """What the link opens at this time."""
    row = await tx.fetchrow(
        """
        SELECT appointment_id, companion
          FROM link
         WHERE link_digest = $1 AND expires_at > $2
        """,
        link_digest,
        at,
    )
    return Link(row["appointment_id"], row["companion"]) if row else None


async def ends_of(tx: Reader, appointment_id: str) -> datetime | None:
    """When the appointment ends, as last heard."""
    ends_at: datetime | None = await tx.fetchval(
        "SELECT ends_at FROM appointment WHERE appointment_id = $1", appointment_id
    )
    return ends_at


async def begin(tx: Writer, attempt: Attempt, at_once: int) -> None:
    """Keep the attempt; of this browser's open ones only so many stay, the newest."""
    await tx.execute(
        """
        INSERT INTO attempt (state, purpose, appointment_id, browser, nonce, verifier,
                             begun_at, link_digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        attempt.question.state,
        attempt.purpose,
        attempt.appointment_id,
        attempt.browser,
        attempt.question.nonce,
        attempt.question.verifier,
        attempt.begun_at,
        attempt.link_digest,
    )
    await tx.execute(
        """
        DELETE FROM attempt
         WHERE state IN (SELECT state FROM attempt
                          WHERE browser = $1 AND used_at IS NULL
                          ORDER BY begun_at DESC, state = $3 DESC
                         OFFSET $2)
        """,
        attempt.browser,
        at_once,
        attempt.question.state,
    )


async def hold_attempt(tx: Writer, state: str) -> Attempt | None:
    row = await tx.fetchrow(
        """
        SELECT state, purpose, appointment_id, browser, nonce, verifier, begun_at, used_at,
               link_digest
          FROM attempt
         WHERE state = $1
           FOR UPDATE
        """,
        state,
    )
    return _attempt(row) if row else None


async def use(tx: Writer, attempt: Attempt) -> None:
    await tx.execute(
        "UPDATE attempt SET used_at = $2 WHERE state = $1",
        attempt.question.state,
        attempt.used_at,
    )


async def keep_act(
    tx: Writer, act_digest: bytes, appointment_id: str, sealed: bytes, at: datetime
) -> None:
    await tx.execute(
        """
        INSERT INTO act (act_digest, appointment_id, sealed, begun_at)
        VALUES ($1, $2, $3, $4)
        """,
        act_digest,
        appointment_id,
        sealed,
        at,
    )


async def take_act(tx: Writer, act_digest: bytes) -> Any:
    """The row, which is gone with that."""
    return await tx.fetchrow(
        """
        DELETE FROM act WHERE act_digest = $1
        RETURNING appointment_id, sealed, begun_at
        """,
        act_digest,
    )


async def act_about(tx: Reader, act_digest: bytes) -> str | None:
    appointment_id: str | None = await tx.fetchval(
        "SELECT appointment_id FROM act WHERE act_digest = $1", act_digest
    )
    return appointment_id


async def keep_echo(
    tx: Writer, state: str, browser: bytes, sealed: bytes, at: datetime
) -> None:
    """Only of a way back that this browser has walked, and only of the first time."""
    await tx.execute(
        """
        INSERT INTO echo (state, sealed, at)
        SELECT state, $3, $4 FROM attempt
         WHERE state = $1 AND browser = $2 AND used_at IS NOT NULL
        ON CONFLICT (state) DO NOTHING
        """,
        state,
        browser,
        sealed,
        at,
    )


async def echo(tx: Reader, state: str) -> bytes | None:
    sealed: bytes | None = await tx.fetchval(
        "SELECT sealed FROM echo WHERE state = $1", state
    )
    return sealed


async def forget_echoes(tx: Writer, before: datetime) -> None:
    await tx.execute("DELETE FROM echo WHERE at < $1", before)


async def note(tx: Writer, line: Note) -> None:
    """A line of the audit, in the transaction of the deed."""
    kept = audit.Line(
        line.at,
        line.what,
        who=line.who,
        appointment_id=line.appointment_id,
        code=line.code,
        role=line.role,
    )
    await audit.write(tx, kept)


async def forget_attempts(tx: Writer, before: datetime) -> None:
    await tx.execute("DELETE FROM attempt WHERE begun_at < $1", before)


async def forget_codes(tx: Writer, before: datetime) -> None:
    """The codes that were kept for appointments which ended before this."""
    await tx.execute(
        """
        UPDATE attendee
           SET sealed = NULL
          FROM appointment
         WHERE attendee.appointment_id = appointment.appointment_id
           AND sealed IS NOT NULL AND coalesce(ends_at, changed_at) < $1
        """,
        before,
    )


async def forget_acts(tx: Writer, before: datetime) -> None:
    await tx.execute("DELETE FROM act WHERE begun_at < $1", before)


async def hear_logout(tx: Writer, issuer: str, once: str, at: datetime) -> bool:
    """Whether this word of a provider's is heard for the first time."""
    heard = await tx.fetchval(
        """
        INSERT INTO heard_logout (issuer, once, at)
        VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
        RETURNING true
        """,
        issuer,
        once,
        at,
    )
    return bool(heard)


async def forget_logouts(tx: Writer, before: datetime) -> None:
    await tx.execute("DELETE FROM heard_logout WHERE at < $1", before)


async def forget_appointments(tx: Writer, before: datetime) -> None:
    """Those that ended, and were last spoken of, before this; and the links to them."""
    await tx.execute(
        """
        DELETE FROM appointment
         WHERE changed_at < $1 AND coalesce(ends_at, changed_at) < $1
        """,
        before,
    )
    await tx.execute("DELETE FROM link WHERE expires_at < $1", before)


def _appointment(row: Any, attendees: tuple[Attendee, ...]) -> Appointment:
    return Appointment(
        row["appointment_id"],
        Heard(
            row["heard_details"],
            row["heard_times"],
            row["heard_status"],
            row["starts_at"],
            row["heard_over"],
        ),
        Status(row["status"]),
        row["starts_at"],
        row["ends_at"],
        attendees,
    )


def _attendee(row: Any) -> Attendee:
    return Attendee(
        Role(row["role"]),
        Digest(row["key_id"], row["digest"]),
        row["birth_date"],
        row["sealed"],
    )


def _attempt(row: Any) -> Attempt:
    return Attempt(
        Question(row["state"], row["nonce"], row["verifier"]),
        Purpose(row["purpose"]),
        row["browser"],
        row["begun_at"],
        row["appointment_id"],
        row["used_at"],
        row["link_digest"],
    )
