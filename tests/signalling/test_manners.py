"""Whoever misbehaves harms nobody but themselves."""

import random

import pytest

from tests.signalling.pages import (
    House,
    HungUp,
    Page,
    Visit,
    a_candidate,
    a_description,
)

BAD = ("bad_frame", "reconnect", 4400)
SEED = 20261123


async def _still_talk(one: Page, other: Page, visit: Visit) -> None:
    await one.say(type="signal", to=visit.professional, candidate=a_candidate())
    assert (await other.until("signal"))["candidate"] == a_candidate()


async def test_the_first_frame_is_hello(open_house: House, visit: Visit) -> None:
    await open_house.admit(visit)
    for text in ('{"type":"ice"}', "hello", "{}", "\x00"):
        patient = await open_house.patient(visit)
        await patient.socket.send_str(text)
        assert await patient.refusal() == BAD


async def test_hello_is_said_once(open_house: House, visit: Visit) -> None:
    patient, _ = await open_house.together(visit)
    await patient.say(type="hello")
    assert await patient.refusal() == BAD


async def test_nothing_is_said_before_the_welcome(
    open_house: House, visit: Visit
) -> None:
    patient = await open_house.patient(visit)
    await patient.say(type="hello")
    await patient.until("waiting")
    await patient.say(type="ice")
    assert await patient.refusal() == BAD


async def test_frames_are_text(open_house: House, visit: Visit) -> None:
    patient, _ = await open_house.together(visit)
    await patient.socket.send_bytes(b'{"type":"ice"}')
    assert await patient.refusal() == BAD


async def test_who_does_not_say_hello_is_dropped(
    house: House, visit: Visit, database_url: str
) -> None:
    async with house.running(house.settings(database_url, hello_seconds=0.05)):
        silent = await house.patient(visit)
        assert await silent.refusal() == ("too_slow", "resume", 4408)


async def test_a_message_that_is_too_large_ends_the_socket_and_nothing_else(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    await professional.socket.send_str(" " * (64 * 1024 + 1))
    with pytest.raises(HungUp) as closed:
        await professional.until("error")
    assert closed.value.args == (1009,)
    assert (await patient.until("gone"))["reason"] == "lost"
    again = await open_house.professional(visit)
    assert (await again.hello(resume=professional.resume_of()))["resumed"]
    await _still_talk(patient, again, visit)


async def test_the_largest_frame_is_relayed(open_house: House, visit: Visit) -> None:
    patient, professional = await open_house.together(visit)
    large = a_description("x" * (32 * 1024))
    await patient.say(type="signal", to=visit.professional, description=large)
    assert (await professional.until("signal"))["description"] == large


async def test_a_flood_ends_the_socket_and_may_be_resumed_from(
    house: House, visit: Visit, database_url: str
) -> None:
    settings = house.settings(database_url, frames_per_second=0.001, frames_burst=10)
    async with house.running(settings):
        patient, professional = await house.together(visit)
        for _ in range(11):
            await patient.say(
                type="signal", to=visit.professional, candidate=a_candidate()
            )
        assert await patient.refusal() == ("too_fast", "resume", 4429)
        heard = [await professional.until("signal") for _ in range(10)]
        assert len(heard) == 10
        assert (await professional.until("gone"))["reason"] == "lost"

        again = await house.patient(visit)
        assert (await again.hello(resume=patient.resume_of()))["resumed"]
        await again.say(type="ice")
        assert (await again.refusal())[0] == "too_fast"


async def test_who_does_not_take_what_is_sent_is_dropped_and_holds_up_nobody(
    house: House, visit: Visit, database_url: str
) -> None:
    settings = house.settings(database_url, frames_burst=10_000, farewell_seconds=0.1)
    async with house.running(settings):
        patient, professional = await house.together(visit)
        _stop_reading(patient)
        large = a_description("x" * (32 * 1024))
        gone = None
        for _ in range(2_000):
            await professional.say(type="signal", to=visit.patient, description=large)
            await professional.say(type="ice")
            answer = await professional.hear()
            if answer["type"] == "gone":
                gone = answer
                break
        assert gone is not None
        assert (gone["member"], gone["reason"]) == (visit.patient, "lost")


def _stop_reading(page: Page) -> None:
    response = page.socket._response  # noqa: SLF001 - nothing public stops a reader
    assert response.connection is not None
    transport = response.connection.transport
    assert transport is not None
    transport.pause_reading()  # type: ignore[attr-defined]


async def test_no_text_whatever_breaks_the_room(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    chance = random.Random(SEED)  # noqa: S311 - the same texts each time
    for _ in range(60):
        intruder = await open_house.patient(Visit())
        await intruder.socket.send_str(_mangled(chance, visit))
        error = await intruder.until("error")
        assert error["code"] in ("bad_frame", "not_admitted", "no_session")
    await _still_talk(patient, professional, visit)


async def test_no_member_breaks_the_room_for_the_other(
    open_house: House, visit: Visit
) -> None:
    patient, professional = await open_house.together(visit)
    chance = random.Random(SEED)  # noqa: S311 - the same texts each time
    for _ in range(60):
        await patient.socket.send_str("{" + _mangled(chance, visit))
        assert await patient.refusal() == BAD
        again = await open_house.patient(visit)
        await again.hello(resume=patient.resume_of())
        patient = again
    await _still_talk(patient, professional, visit)


def _mangled(chance: random.Random, visit: Visit) -> str:
    """A frame with some characters changed, left out or doubled."""
    whole = [
        f'{{"type":"signal","to":"{visit.patient}","candidate":{{"candidate":"x"}}}}',
        '{"type":"media","microphone":true,"camera":false}',
        '{"type":"leave","for_everyone":true}',
    ]
    text = chance.choice(whole)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text))
        put = chance.choice(["", "\x00", "}", '"', "é", "\u2028", "0", text[at] * 2])
        text = text[:at] + put + text[at + 1 :]
    return text
