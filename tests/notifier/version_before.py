"""What an instance of the version before writes, that decided when it heard something."""

import json
from datetime import datetime, timedelta

from chassis.database import Writer
from tests.chassis.conftest import NINE
from tests.notifier.desk import HOUR, PHONE
from tests.notifier.events import PATIENT


async def keeps(
    tx: Writer,
    *,
    times: int = 0,
    status: int = 0,
    starts_at: datetime = NINE,
    opens_at: datetime | None = None,
    cancelled: bool = False,
) -> None:
    """What the booking system says; `opens_at` only if the start is still to come."""
    ends_at = starts_at + HOUR
    await tx.execute(
        """
        INSERT INTO appointment
               (appointment_id, details, times, status, unit_id, kept_until)
        VALUES ('a-1', 0, $1, $2, 'u1', $3)
        ON CONFLICT (appointment_id)
        DO UPDATE SET details = excluded.details,
                      times = excluded.times,
                      status = excluded.status,
                      unit_id = excluded.unit_id,
                      kept_until = excluded.kept_until
        """,
        times,
        status,
        ends_at + timedelta(days=1),
    )
    await tx.execute(
        """
        INSERT INTO door (appointment_id, professional_id, opens_at, ends_at, cancelled)
        VALUES ('a-1', 'p1', $1, $2, $3)
        ON CONFLICT (appointment_id)
        DO UPDATE SET opens_at = excluded.opens_at,
                      ends_at = excluded.ends_at,
                      cancelled = excluded.cancelled
        """,
        opens_at,
        ends_at,
        cancelled,
    )
    await _reaches(tx, ends_at, cancelled, 0, None)


async def hears_a_delay(
    tx: Writer, minutes: int, said_at: datetime, *, told: bool = True
) -> None:
    """And texts it, as far as the gateway takes it."""
    await _reaches(tx, NINE + HOUR, False, minutes, said_at)
    if told:
        await tx.execute(
            """
            INSERT INTO message
                   (message_id, once, channel, recipient, subject, appointment_id, codes,
                    created_at, until, due_at, state, attempts, doubt, settled_at)
            VALUES (gen_random_uuid(), $1, 'sms', 'patient', 'delay', 'a-1', $2::jsonb,
                    $3, $3, $3, 'accepted', 1, false, $3)
            """,
            f"a-1/delay/{said_at.isoformat()}/sms",
            json.dumps({"minutes": minutes}),
            said_at,
        )


async def _reaches(
    tx: Writer,
    ends_at: datetime,
    cancelled: bool,
    minutes: int,
    delayed_at: datetime | None,
) -> None:
    await tx.execute(
        """
        INSERT INTO contact
               (appointment_id, phone, language, agreed, chosen, ends_at, cancelled,
                delay, delayed_at, told_delay)
        VALUES ('a-1', $1, 'sv', true, NULL, $2, $3, $4, $5, $4)
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
        PHONE,
        ends_at,
        cancelled,
        minutes,
        delayed_at,
    )


async def hears_of_the_door(tx: Writer, what: str, at: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO doorbell_word (appointment_id, person_id, at, what, by, noted_at)
        VALUES ('a-1', $1, $2, $3, NULL, $2)
        """,
        PATIENT,
        at,
        what,
    )


async def rings_since(tx: Writer, since: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO doorbell (appointment_id, person_id, unit_id, since, heard_at, over_at)
        VALUES ('a-1', $1, 'u1', $2, $2, $3)
        """,
        PATIENT,
        since,
        NINE + 2 * HOUR,
    )


async def seats(tx: Writer, here_at: datetime, away_at: datetime | None) -> None:
    await tx.execute(
        """
        INSERT INTO attendee
               (appointment_id, person_id, role, here_at, left_at, away_at, admitted_at)
        VALUES ('a-1', $1, 'patient', $2, NULL, $3, NULL)
        ON CONFLICT (appointment_id, person_id)
        DO UPDATE SET role = excluded.role,
                      here_at = excluded.here_at,
                      left_at = excluded.left_at,
                      away_at = excluded.away_at,
                      admitted_at = excluded.admitted_at
        """,
        PATIENT,
        here_at,
        away_at,
    )


async def words(tx: Writer) -> list[str]:
    """What it reads of the door."""
    rows = await tx.fetch("SELECT what FROM doorbell_word ORDER BY at")
    return [row["what"] for row in rows]
