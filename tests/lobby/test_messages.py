"""Messages: written by a professional, read by one person, and free text soon forgotten."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from contract.booking import AppointmentCancelled
from services.lobby.message import Canned
from services.lobby.message_store import NEWEST
from services.lobby.place import Whom
from services.lobby.refusals import (
    AppointmentIsCancelled,
    AppointmentIsOver,
    NobodyThere,
    NoSuchMessage,
)
from tests.lobby.conftest import FIRST_SLOT, Room, counter, session, staff

SECRET = "Testi: tulokset ovat tulleet"
NURSE = staff()


async def test_a_ready_made_sentence_reaches_the_person_and_is_said_by_its_code(
    room: Room,
) -> None:
    me, place = await room.waiting()
    sent = await room.messages.send(NURSE, place.whom, Canned.SOON)
    view = await room.lobby.view(me)
    assert view.messages == [sent]
    assert (sent.code, sent.text, sent.by.name) == (Canned.SOON, None, "Testi-p-1")
    queue = await room.lobby.queue(NURSE)
    assert queue.messages[place.whom] == [sent]
    assert await room.told("message.sent") == [
        {
            "appointment_id": me.appointment,
            **FIRST_SLOT,
            "person_id": me.sub,
            "message_id": str(sent.message_id),
            "professional_id": "p-1",
            "code": "soon",
            "at": "2026-11-23T08:00:00Z",
        }
    ]


async def test_free_text_stays_in_the_lobby(room: Room) -> None:
    me, place = await room.waiting()
    sent = await room.messages.send(NURSE, place.whom, SecretStr(SECRET))
    await room.messages.read(me, sent.message_id)
    [message] = (await room.lobby.view(me)).messages
    assert message.text
    assert message.text.get_secret_value() == SECRET
    [told] = await room.told("message.sent")
    assert "code" not in told
    assert SECRET not in json.dumps([told, *await room.told("message.read")])
    assert SECRET not in repr(message)
    line = ("p-1", "message.sent", me.sub, "free")
    assert await room.trail(me.appointment) == [line]


async def test_a_message_is_read_once_and_both_sides_see_it(room: Room) -> None:
    me, place = await room.waiting()
    sent = await room.messages.send(NURSE, place.whom, Canned.STAY)
    room.clock.forward(seconds=20)
    tabs = [room.messages.read(me, sent.message_id) for _ in range(3)]
    first, *others = await asyncio.gather(*tabs)
    assert others == [first, first]
    room.clock.forward(seconds=20)
    again = await Room(room.database, room.clock).messages.read(me, sent.message_id)
    assert first == again
    assert (await room.lobby.queue(NURSE)).messages[place.whom] == [first]
    assert await room.told("message.read") == [
        {
            "appointment_id": me.appointment,
            **FIRST_SLOT,
            "person_id": me.sub,
            "message_id": str(sent.message_id),
            "at": "2026-11-23T08:00:20Z",
        }
    ]


async def test_a_message_is_for_one_person_and_no_other_of_the_visit(
    room: Room,
) -> None:
    me, mine = await room.waiting()
    guardian = session(me.appointment, role="guardian")
    interpreter = session(me.appointment, role="interpreter")
    theirs = {
        each.sub: (await room.lobby.ask(each)).place.whom
        for each in (guardian, interpreter)
    }
    sent = await room.messages.send(NURSE, theirs[interpreter.sub], Canned.DEVICE)
    assert (await room.lobby.view(interpreter)).messages == [sent]
    for each in (me, guardian):
        assert (await room.lobby.view(each)).messages == []
        with pytest.raises(NoSuchMessage):
            await room.messages.read(each, sent.message_id)
    to_guardian = await room.messages.send(NURSE, theirs[guardian.sub], Canned.STAY)
    assert (await room.lobby.view(guardian)).messages == [to_guardian]
    assert mine.whom not in (await room.lobby.queue(NURSE)).messages


async def test_the_same_person_at_another_visit_does_not_see_it(room: Room) -> None:
    me, place = await room.waiting()
    sent = await room.messages.send(NURSE, place.whom, Canned.SOON)
    elsewhere = session((await room.booked()).appointment_id, UUID(me.sub))
    assert (await room.lobby.view(elsewhere)).messages == []
    with pytest.raises(NoSuchMessage):
        await room.messages.read(elsewhere, sent.message_id)


async def test_another_units_professional_writes_to_nobody(room: Room) -> None:
    _, place = await room.waiting()
    stranger = staff("p-9", "unit-2")
    nowhere = Whom("no-such-appointment", uuid4())
    texts = set()
    for whom in (place.whom, nowhere):
        with pytest.raises(NobodyThere) as told:
            await room.messages.send(stranger, whom, Canned.SOON)
        texts.add(str(told.value))
    assert len(texts) == 1
    with pytest.raises(NobodyThere):
        await room.messages.send(
            NURSE, Whom(place.appointment_id, uuid4()), Canned.SOON
        )
    assert await room.said() == ["patient.waiting"]


async def test_nothing_is_written_to_a_visit_that_is_off_or_long_over(
    room: Room,
) -> None:
    off, over = (await room.waiting())[1], (await room.waiting())[1]
    cancelled = AppointmentCancelled(appointment_id=off.appointment_id, sequence=1)
    await room.lobby.changed(cancelled)
    with pytest.raises(AppointmentIsCancelled):
        await room.messages.send(NURSE, off.whom, Canned.RESCHEDULE)
    room.clock.forward(hours=24, minutes=31)
    with pytest.raises(AppointmentIsOver):
        await room.messages.send(NURSE, over.whom, Canned.RESCHEDULE)


async def test_whoever_has_left_can_still_be_written_to(room: Room) -> None:
    me, place = await room.waiting()
    await room.lobby.leave(me)
    sent = await room.messages.send(NURSE, place.whom, Canned.PHONE)
    assert (await room.lobby.view(me)).messages == [sent]


async def test_free_text_is_forgotten_a_day_after_the_end_and_codes_with_the_visit(
    room: Room,
) -> None:
    _, place = await room.waiting()
    await room.messages.send(NURSE, place.whom, SecretStr(SECRET))
    canned = await room.messages.send(NURSE, place.whom, Canned.SOON)
    room.clock.forward(hours=24, minutes=30)
    await room.messages.forget()
    assert await kept(room) == 2
    room.clock.forward(seconds=1)
    await room.messages.forget()
    async with room.database.reading() as tx:
        left = await tx.fetch("SELECT message_id, text FROM message")
    assert [tuple(row) for row in left] == [(canned.message_id, None)]
    room.clock.forward(days=30)
    await room.lobby.sweep()
    assert await kept(room) == 0


async def test_a_page_gets_the_newest_in_the_order_they_were_written(
    room: Room,
) -> None:
    me, place = await room.waiting()
    sent = []
    for _ in range(NEWEST + 2):
        sent.append(await room.messages.send(NURSE, place.whom, Canned.SOON))
        room.clock.forward(seconds=1)
    assert (await room.lobby.view(me)).messages == sent[2:]
    assert (await room.lobby.queue(NURSE)).messages[place.whom] == sent[2:]


async def test_messages_are_counted_by_kind(room: Room) -> None:
    def counted() -> list[float]:
        kinds = ("canned", "free")
        return [counter("lobby_messages_total", kind=kind) for kind in kinds]

    before = counted()
    _, place = await room.waiting()
    for words in (Canned.SOON, Canned.STAY, SecretStr(SECRET)):
        await room.messages.send(NURSE, place.whom, words)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1]


async def kept(room: Room) -> int:
    async with room.database.reading() as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM message")
    return count
