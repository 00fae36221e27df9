"""An instance of the release before writes and reads the same rows beside us."""

import pytest

from contract.signalling import EndedBy
from services.lobby.domain import Status
from services.lobby.place import Ahead, State
from tests.lobby.conftest import Room, session, staff
from tests.lobby.test_moves import FIRST, again, at, ended, let_in, swept, to, waits
from tests.lobby.test_slots import BOOKED, A, hear, off, visit

OLD_SAVE = """
INSERT INTO place (appointment_id, person_id, role, name, birth_year, method, state,
                   version, since, reason, by_id, by_name, checks, away_since,
                   summoned_at, summoned_until, summons_passed)
VALUES ($1, $2, 'patient', 'Testi-Maija', 1952, 'suomifi', $3, $4, $5, NULL, NULL,
        NULL, '{}', NULL, NULL, NULL, false)
ON CONFLICT (appointment_id, person_id)
DO UPDATE SET state = excluded.state, version = excluded.version,
              since = excluded.since
"""


async def run(room: Room, sql: str, *values: object) -> None:
    async with room.database.writing() as tx:
        await tx.execute(sql, *values)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("then", [None, "left"])
async def test_whom_it_puts_in_the_line_waits_in_ours(
    room: Room, known: bool, then: str | None
) -> None:
    await hear(room, BOOKED)
    me = session(A)
    if known:
        await room.lobby.view(me)
    await run(room, OLD_SAVE, A, me.sub, "waiting", 2, at(1))
    room.clock.at = at(2)
    theirs = session((await room.booked(appointment_id="a-then")).appointment_id)
    assert (await room.lobby.ask(theirs)).ahead is Ahead.FEW
    shown = (await room.lobby.queue(staff())).visits
    assert [each.appointment_id for each, _ in shown] == [A, theirs.appointment]
    if then:
        await run(room, OLD_SAVE, A, me.sub, then, 3, at(3))
    await swept(room, 46)
    (said,) = [
        each
        for each in await room.told("appointment.unserved")
        if each["appointment_id"] == A
    ]
    assert said["waiting_since"] == at(1).isoformat().replace("+00:00", "Z")


async def test_whom_it_sends_home_for_a_move_has_not_waited(room: Room) -> None:
    await hear(room, BOOKED)
    me, _ = await waits(room, 1)
    await run(room, OLD_SAVE, A, me.sub, "identified", 3, at(2))
    await hear(room, to(1, 60, 90))
    assert await swept(room, 110) == ["appointment.missed"]


@pytest.mark.parametrize("waited", [True, False])
async def test_it_can_read_what_became_of_a_time_that_has_gone_by(
    room: Room, waited: bool
) -> None:
    await hear(room, BOOKED)
    if waited:
        await waits(room, 1)
    await swept(room, 46)
    async with room.database.reading() as tx:
        status = await tx.fetchval("SELECT status FROM visit")
    assert status in {"booked", "cancelled", "missed", "ended"}
    now = (await visit(room)).status
    assert now is (Status.UNSERVED if waited else Status.MISSED)


@pytest.mark.parametrize("moved", [True, False])
async def test_whom_it_let_in_was_let_in_though_a_correction_comes(
    room: Room, moved: bool
) -> None:
    """It keeps neither which slots are over nor to which somebody was let in."""
    await hear(room, BOOKED, *([to(1, 5, 35)] if moved else []))
    await let_in(room, 6)
    await run(room, "UPDATE visit SET slot_sequence = -1")
    await run(room, "UPDATE place SET slot_sequence = NULL")
    await hear(room, again(2, 5 if moved else 0, 40))
    assert (await visit(room)).admitted_at == at(6)
    ((_, (place,)),) = (await room.lobby.queue(staff())).visits
    assert place.state is State.ADMITTED
    assert await swept(room, 120) == []


async def test_what_it_cancelled_begins_afresh_when_it_is_booked_again(
    room: Room,
) -> None:
    await hear(room, BOOKED)
    await let_in(room, 2)
    await hear(room, ended(FIRST, at(3), EndedBy.SILENCE))
    before = await visit(room)
    await hear(room, off(1))
    kept = "UPDATE visit SET heard_over = -1, admitted_at = $1"
    await run(room, kept, before.admitted_at)
    await hear(room, again(2))
    assert (await visit(room)).admitted_at is None
