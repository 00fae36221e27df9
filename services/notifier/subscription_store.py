"""Browsers that agreed to be told by push, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from chassis.database import Reader, Writer
from contract.booking import Language
from services.notifier.domain import Audience


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser, and who uses it. `units` are those of a professional."""

    subscription_id: UUID
    audience: Audience
    person: str
    endpoint: SecretStr
    p256dh: SecretStr
    auth: SecretStr
    language: Language
    kept_until: datetime
    appointment_id: str | None = None
    units: Sequence[str] = field(default=())


async def keep(tx: Writer, subscribed: Subscription) -> UUID:
    """One endpoint is one browser's, and its newest user is the one who is told."""
    kept = await tx.fetchval(
        """
        INSERT INTO subscription
               (subscription_id, audience, person, appointment_id, units, endpoint,
                p256dh, auth, language, kept_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (endpoint)
        DO UPDATE SET subscription_id = CASE
                          WHEN subscription.person = excluded.person
                           AND subscription.appointment_id
                               IS NOT DISTINCT FROM excluded.appointment_id
                          THEN subscription.subscription_id
                          ELSE excluded.subscription_id END,
                      audience = excluded.audience,
                      person = excluded.person,
                      appointment_id = excluded.appointment_id,
                      units = excluded.units,
                      p256dh = excluded.p256dh,
                      auth = excluded.auth,
                      language = excluded.language,
                      kept_until = excluded.kept_until
        RETURNING subscription_id
        """,
        subscribed.subscription_id,
        subscribed.audience,
        subscribed.person,
        subscribed.appointment_id,
        list(subscribed.units),
        subscribed.endpoint.get_secret_value(),
        subscribed.p256dh.get_secret_value(),
        subscribed.auth.get_secret_value(),
        subscribed.language,
        subscribed.kept_until,
    )
    return UUID(str(kept))


async def find(
    tx: Reader, subscription_id: UUID | None, at: datetime
) -> Subscription | None:
    row = await tx.fetchrow(
        """
        SELECT subscription_id, audience, person, appointment_id, units, endpoint,
               p256dh, auth, language, kept_until
          FROM subscription
         WHERE subscription_id = $1 AND kept_until > $2
        """,
        subscription_id,
        at,
    )
    return _subscription(row) if row else None


async def of_visit(
    tx: Reader, appointment_id: str, person_id: UUID, at: datetime
) -> Sequence[Subscription]:
    """The browsers of one person of an appointment."""
    rows = await tx.fetch(
        """
        SELECT subscription_id, audience, person, appointment_id, units, endpoint,
               p256dh, auth, language, kept_until
          FROM subscription
         WHERE appointment_id = $1 AND person = $2 AND kept_until > $3
         ORDER BY subscription_id
        """,
        appointment_id,
        str(person_id),
        at,
    )
    return [_subscription(row) for row in rows]


async def of_unit(tx: Reader, unit_id: str, at: datetime) -> Sequence[Subscription]:
    """The browsers of the professionals of a unit."""
    rows = await tx.fetch(
        """
        SELECT subscription_id, audience, person, appointment_id, units, endpoint,
               p256dh, auth, language, kept_until
          FROM subscription
         WHERE audience = 'unit' AND units @> ARRAY[$1::text] AND kept_until > $2
         ORDER BY subscription_id
        """,
        unit_id,
        at,
    )
    return [_subscription(row) for row in rows]


async def drop(tx: Writer, subscription_id: UUID) -> None:
    await tx.execute(
        "DELETE FROM subscription WHERE subscription_id = $1", subscription_id
    )


async def drop_endpoint(tx: Writer, person: str, endpoint: SecretStr) -> None:
    """Whoever uses it wants no more on it."""
    await tx.execute(
        "DELETE FROM subscription WHERE person = $1 AND endpoint = $2",
        person,
        endpoint.get_secret_value(),
    )


async def drop_others(tx: Writer, of: Subscription, but: UUID, kept: int) -> None:
    """Whoever agreed in ever more browsers is told in so many of them and in this one."""
    await tx.execute(
        """
        DELETE FROM subscription
         WHERE subscription_id IN (
               SELECT subscription_id FROM subscription
                WHERE audience = $1 AND person = $2
                  AND appointment_id IS NOT DISTINCT FROM $3
                  AND subscription_id <> $4
                ORDER BY kept_until DESC, subscription_id OFFSET $5)
        """,
        of.audience,
        of.person,
        of.appointment_id,
        but,
        kept,
    )


async def forget(tx: Writer, at: datetime) -> None:
    await tx.execute("DELETE FROM subscription WHERE kept_until <= $1", at)


def _subscription(row: Any) -> Subscription:
    return Subscription(
        subscription_id=UUID(str(row["subscription_id"])),
        audience=Audience(row["audience"]),
        person=row["person"],
        appointment_id=row["appointment_id"],
        units=tuple(row["units"]),
        endpoint=SecretStr(row["endpoint"]),
        p256dh=SecretStr(row["p256dh"]),
        auth=SecretStr(row["auth"]),
        language=Language(row["language"]),
        kept_until=row["kept_until"],
    )
