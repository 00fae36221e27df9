"""What the instances of signalling tell each other through PostgreSQL.

Only the database's clock counts here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.database import Reader, Writer
from contract.identity import Role
from services.signalling.presence import Presence, State
from services.signalling.protocol import Devices


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's place as this instance writes it."""

    appointment_id: str
    member: str
    role: Role
    media: Devices
    state: State
    admitted_at: datetime
    arrived_at: datetime  # when they last said hello, by the database's clock


@dataclass(frozen=True, slots=True)
class Written:
    """What is written of a member of this instance, as far as it may change."""

    state: State
    media: Devices
    admitted_at: datetime


@dataclass(frozen=True, slots=True)
class PassedSignal:
    """A signal on its way to the instance where the other member is."""

    recipient: str
    sender: str
    number: int
    appointment_id: str
    member_from: str
    member_to: str
    body: str
    age: float  # seconds since the sender was heard


async def beat(tx: Writer, instance: str, sure_for: float) -> tuple[bool, datetime]:
    """This instance is alive.

    True when the others may not have known that; and what the database's clock says.
    """
    row = await tx.fetchrow(
        """
        WITH late AS (
            SELECT id FROM instance
             WHERE id = $1 AND beat_at < clock_timestamp() - make_interval(secs => $2)
        )
        INSERT INTO instance (id, beat_at) VALUES ($1, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at
        RETURNING xmax = 0 OR EXISTS (SELECT FROM late) AS was_unknown,
                  clock_timestamp() AS said
        """,
        instance,
        sure_for,
    )
    return row["was_unknown"], row["said"]


async def retire(tx: Writer, instance: str) -> list[str]:
    """This instance ends. The appointments whose members it lets go."""
    await tx.execute("DELETE FROM instance WHERE id = $1", instance)
    rows = await tx.fetch(
        """
        UPDATE presence SET state = 'lost', changed_at = clock_timestamp()
         WHERE instance = $1 AND state = 'connected'
        RETURNING appointment_id
        """,
        instance,
    )
    return _appointments(rows)


async def put(tx: Writer, instance: str, seats: Sequence[Seat]) -> None:
    """Write these, unless the same person has said hello elsewhere since."""
    await tx.execute(
        """
        INSERT INTO presence (appointment_id, member, instance, role, microphone,
                              camera, state, admitted_at, arrived_at, changed_at)
        SELECT appointment_id, member, $1, role, microphone, camera, state,
               admitted_at, arrived_at, clock_timestamp()
          FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[],
                      $6::boolean[], $7::text[], $8::timestamptz[], $9::timestamptz[])
            AS seat (appointment_id, member, role, microphone, camera, state,
                     admitted_at, arrived_at)
         ORDER BY appointment_id, member
        ON CONFLICT (appointment_id, member)
        DO UPDATE SET instance = excluded.instance,
                      role = excluded.role,
                      microphone = excluded.microphone,
                      camera = excluded.camera,
                      state = excluded.state,
                      admitted_at = excluded.admitted_at,
                      arrived_at = excluded.arrived_at,
                      changed_at = excluded.changed_at
         WHERE presence.instance = excluded.instance
            OR presence.arrived_at <= excluded.arrived_at
        """,
        instance,
        [each.appointment_id for each in seats],
        [each.member for each in seats],
        [each.role for each in seats],
        [each.media.microphone for each in seats],
        [each.media.camera for each in seats],
        [each.state for each in seats],
        [each.admitted_at for each in seats],
        [each.arrived_at for each in seats],
    )


async def written(tx: Reader, instance: str) -> Mapping[tuple[str, str], Written]:
    """Of the members who are in by this instance; those who are out are none."""
    rows = await tx.fetch(
        """
        SELECT appointment_id, member, state, microphone, camera, admitted_at
          FROM presence
         WHERE instance = $1 AND state IN ('connected', 'lost')
        """,
        instance,
    )
    return {
        (row["appointment_id"], row["member"]): Written(
            State(row["state"]), _devices(row), row["admitted_at"]
        )
        for row in rows
    }


async def let_go(
    tx: Writer, instance: str, members: Collection[tuple[str, str]]
) -> list[str]:
    """They are not on this instance any more, and nobody knows why. Their appointments."""
    rows = await tx.fetch(
        """
        UPDATE presence SET state = 'expired', changed_at = clock_timestamp()
         WHERE instance = $1 AND state IN ('connected', 'lost')
           AND (appointment_id, member) IN (SELECT * FROM unnest($2::text[], $3::text[]))
        RETURNING appointment_id
        """,
        instance,
        [appointment for appointment, _ in members],
        [member for _, member in members],
    )
    return _appointments(rows)


async def elsewhere(
    tx: Reader, appointment_id: str, instance: str, sure_for: float
) -> list[Presence]:
    """The members of a call whose last hello was not said to this instance."""
    rows = await tx.fetch(
        """
        SELECT member, instance, role, microphone, camera, admitted_at, arrived_at,
               state,
               EXISTS (SELECT FROM instance
                        WHERE id = presence.instance
                          AND beat_at >= clock_timestamp() - make_interval(secs => $3)
                      ) AS is_sure
          FROM presence
         WHERE appointment_id = $1 AND instance <> $2
         ORDER BY arrived_at
        """,
        appointment_id,
        instance,
        sure_for,
    )
    return [_presence(row) for row in rows]


async def changed(
    tx: Reader, appointment_ids: Sequence[str], instance: str, seconds: float
) -> list[str]:
    """Those of these appointments about which another instance wrote of late."""
    rows = await tx.fetch(
        """
        SELECT appointment_id FROM presence
         WHERE appointment_id = ANY($1) AND instance <> $2
           AND changed_at > clock_timestamp() - make_interval(secs => $3)
        """,
        appointment_ids,
        instance,
        seconds,
    )
    return _appointments(rows)


async def forget_crashed(tx: Writer, seconds: float) -> int:
    """Drop the instances that have been silent for so long. How many there were."""
    rows = await tx.fetch(
        """
        DELETE FROM instance
         WHERE id IN (SELECT id FROM instance
                       WHERE beat_at < clock_timestamp() - make_interval(secs => $1)
                         FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        seconds,
    )
    return len(rows)


async def ended_instances(tx: Reader) -> list[str]:
    """Instances that are no more, and whose members may still come back."""
    rows = await tx.fetch(
        """
        SELECT instance FROM presence WHERE state IN ('connected', 'lost')
        EXCEPT SELECT id FROM instance
        """
    )
    return [row["instance"] for row in rows]


async def lose(tx: Writer, instances: Sequence[str]) -> list[str]:
    """The members there have lost their sockets. Their appointments.

    A row that is being written at this moment is passed over: its member comes back.
    """
    return await _change(tx, instances, State.CONNECTED, State.LOST, 0)


async def expire(tx: Writer, instances: Sequence[str], seconds: float) -> list[str]:
    """The members there who were lost so long ago are out. Their appointments."""
    return await _change(tx, instances, State.LOST, State.EXPIRED, seconds)


async def tidy(tx: Writer, seconds: float) -> None:
    """Drop what nobody needs after so long."""
    await tx.execute(
        """
        DELETE FROM presence
         WHERE (appointment_id, member) IN (
                   SELECT appointment_id, member FROM presence
                    WHERE state IN ('left', 'expired')
                      AND changed_at < clock_timestamp() - make_interval(secs => $1)
                      FOR UPDATE SKIP LOCKED)
        """,
        seconds,
    )
    await tx.execute(
        """
        DELETE FROM passed_signal
         WHERE (recipient, sender, number) IN (
                   SELECT recipient, sender, number FROM passed_signal
                    WHERE heard_at < clock_timestamp() - make_interval(secs => $1)
                      FOR UPDATE SKIP LOCKED)
        """,
        seconds,
    )


async def pass_on(tx: Writer, signals: Sequence[PassedSignal]) -> None:
    """Lay them ready for their recipients, who are woken when this commits."""
    await tx.executemany(
        """
        INSERT INTO passed_signal (recipient, sender, number, appointment_id,
                                   member_from, member_to, body, heard_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7,
                clock_timestamp() - make_interval(secs => $8))
        ON CONFLICT DO NOTHING
        """,
        [
            (
                each.recipient,
                each.sender,
                each.number,
                each.appointment_id,
                each.member_from,
                each.member_to,
                each.body,
                each.age,
            )
            for each in signals
        ],
    )
    for recipient in sorted({each.recipient for each in signals}):
        await tx.execute("SELECT pg_notify($1, '')", channel(recipient))


async def passed_to(tx: Reader, instance: str, most: int) -> list[PassedSignal]:
    """What lies ready for this instance; each sender's in the order it was said."""
    rows = await tx.fetch(
        """
        SELECT sender, number, appointment_id, member_from, member_to, body,
               extract(epoch FROM clock_timestamp() - heard_at)::float8 AS age
          FROM passed_signal
         WHERE recipient = $1
         ORDER BY sender, number
         LIMIT $2
        """,
        instance,
        most,
    )
    return [PassedSignal(recipient=instance, **row) for row in rows]


async def take(tx: Writer, signals: Sequence[PassedSignal]) -> None:
    """These have been handed on."""
    await tx.executemany(
        """
        DELETE FROM passed_signal
         WHERE recipient = $1 AND sender = $2 AND number = $3
        """,
        [(each.recipient, each.sender, each.number) for each in signals],
    )


def channel(instance: str) -> str:
    """Where an instance hears that signals lie ready for it."""
    return f"signalling_passed_{instance}"


async def _change(
    tx: Writer, instances: Sequence[str], before: State, after: State, seconds: float
) -> list[str]:
    rows = await tx.fetch(
        """
        UPDATE presence SET state = $3, changed_at = clock_timestamp()
         WHERE (appointment_id, member) IN (
                   SELECT appointment_id, member FROM presence
                    WHERE instance = ANY($1) AND state = $2
                      AND changed_at <= clock_timestamp() - make_interval(secs => $4)
                      AND NOT EXISTS (SELECT FROM instance WHERE id = presence.instance)
                      FOR UPDATE SKIP LOCKED)
        RETURNING appointment_id
        """,
        instances,
        before,
        after,
        seconds,
    )
    return _appointments(rows)


def _appointments(rows: Sequence[Any]) -> list[str]:
    return sorted({row["appointment_id"] for row in rows})


def _devices(row: Any) -> Devices:
    return Devices(microphone=row["microphone"], camera=row["camera"])


def _presence(row: Any) -> Presence:
    return Presence(
        member=row["member"],
        role=Role(row["role"]),
        media=_devices(row),
        instance=row["instance"],
        admitted_at=row["admitted_at"],
        arrived_at=row["arrived_at"],
        state=State(row["state"]),
        is_sure=row["is_sure"],
    )
