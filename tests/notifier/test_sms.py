"""Text messages: whichever gateway it is, and as short as telephone networks count."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from chassis.clock import now
from contract.booking import Language
from dev.mailbox import post_office
from dev.texts import Text, Texts
from services.notifier import suppliers, words
from services.notifier.gsm import is_plain, parts
from services.notifier.message import Channel, Message, Subject, To
from services.notifier.phone import e164
from services.notifier.settings import BodyForm, NotifierSettings
from tests.keys import ORIGIN, pem
from tests.notifier.desk import PHONE, Desk, late, with_texts
from tests.notifier.suppliers import Answer

GIVEN: dict[str, Any] = {
    "database_url": "postgresql://notifier@db/videomottagning",
    "kafka_servers": "kafka:9092",
    "public_url": ORIGIN,
    "session_keys_url": f"{ORIGIN}/identity/jwks.json",
    "smtp_url": "smtp://mail:25",
    "mail_from": "Testi <t@visit.test>",
    "vapid_key": pem(),
}


def settings(**changes: Any) -> NotifierSettings:
    return NotifierSettings(**{**GIVEN, **changes})


async def with_gateway(desk: Desk, **changes: Any) -> None:
    """The desk again, told of another gateway."""
    await desk.close()
    desk.settings = desk.settings.model_copy(update=changes)
    desk.__post_init__()


async def test_the_gateway_knows_us_and_names_the_message(desk: Desk) -> None:
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    (asked,) = desk.gateway.asked
    assert asked.path == "/send"
    assert asked.headers["Authorization"] == "Bearer of-the-test"
    (message,) = await desk.told_people()
    assert asked.json["id"] == str(message.message_id)
    assert message.reference == "g-1"


@pytest.mark.parametrize("piece", [8, 1])
async def test_what_a_gateway_calls_a_message_may_come_in_pieces(
    desk: Desk, piece: int
) -> None:
    desk.gateway.will(Answer(200, body='{"id": "sms-7"}', piece=piece))
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    (message,) = await desk.told_people()
    assert message.reference == "sms-7"


async def test_a_gateway_that_took_a_text_and_broke_off_is_not_asked_again(
    desk: Desk,
) -> None:
    """Its status is its word: asked again, it would send the text again."""
    desk.gateway.will(Answer(200, body='{"id": "sms-7"}', piece=8, cut=True))
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    desk.watch.turn(timedelta(minutes=5))
    await desk.deliver()
    assert len(desk.texts) == 1
    assert [each.state for each in await desk.told_people()] == ["accepted"]


async def test_a_gateway_may_take_forms_and_answer_in_its_own_way(desk: Desk) -> None:
    body = (
        '{"recipient": "{to}", "message": "{text}", "ref": "x-{id}", "key": "{secret}"}'
    )
    await with_gateway(
        desk,
        sms_form=BodyForm.FORM,
        sms_body=body,
        sms_header="",
        sms_secret=SecretStr("kept & said"),
        sms_reference="messages.0.number",
    )
    desk.gateway.will(Answer(201, body='{"messages": [{"number": 77}]}'))
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    (asked,) = desk.gateway.asked
    fields = parse_qs(asked.body.decode())
    (message,) = await desk.told_people()
    assert fields["recipient"] == [PHONE]
    assert fields["ref"] == [f"x-{message.message_id}"]
    assert fields["key"] == ["kept & said"]
    assert "Authorization" not in asked.headers
    assert message.reference == "77"


@pytest.mark.parametrize("answer", ["", "no json", "[]", '{"other": 1}', '"id"'])
async def test_an_answer_without_a_name_is_taken_all_the_same(
    desk: Desk, answer: str
) -> None:
    desk.gateway.usually = Answer(200, body=answer)
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    (message,) = await desk.told_people()
    assert (message.state, message.reference) == ("accepted", None)


async def test_what_a_value_holds_cannot_change_the_body(desk: Desk) -> None:
    gateway = suppliers._gateway(desk.settings)  # noqa: SLF001
    assert gateway
    text = 'a "quote", {to} and {id}\n'
    body = json.loads(gateway.filled(SecretStr(PHONE), text, "m-1"))
    assert body == {"to": PHONE, "text": text, "id": "m-1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms_url": "http://gateway.example/send"},
        {"sms_body": "{to} {text}"},
        {"sms_body": '["{to}", "{text}"]'},
        {"sms_body": '{"to": "{to}"}'},
        {"sms_method": "GET"},
        {"sms_header": "X\r\nY"},
        {"sms_country": "Finland"},
    ],
)
def test_what_cannot_work_is_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_a_gateway_is_not_needed() -> None:
    nothing = settings(sms_url="", sms_body="", units_file="")
    assert nothing.sms_url is None
    assert nothing.units_file is None
    assert "{text}" in nothing.sms_body
    assert settings(sms_url="https://gateway.example/send").sms_url


def a_message(subject: Subject, language: Language) -> str:
    """At its longest."""
    at = now()
    message = Message(
        message_id=uuid4(),
        once="x",
        channel=Channel.SMS,
        to=To.PATIENT,
        subject=subject,
        appointment_id="a-1",
        codes={"minutes": 600, "until": "2026-11-23T20:59:00+00:00"},
        created_at=at,
        due_at=at,
        until=at,
    )
    wording = words.load("https://videomottagning.osterbotten.example")
    return wording.say(f"sms_{subject}", language, message)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    "subject",
    [
        Subject.YOUR_TURN,
        Subject.ADMITTED,
        Subject.DELAY,
        Subject.ON_TIME,
        Subject.DOORBELL,
    ],
)
def test_each_text_is_one_part_in_the_plain_alphabet(
    subject: Subject, language: Language
) -> None:
    text = a_message(subject, language)
    assert is_plain(text)
    assert parts(text) == 1, len(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ä" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("š" * 70, 1),
        ("š" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_parts_are_counted_as_networks_do(text: str, count: int) -> None:
    assert parts(text) == count


@given(st.text(max_size=700))
def test_a_longer_text_never_takes_fewer_parts(text: str) -> None:
    assert parts(text) <= parts(text + "a")


@pytest.mark.parametrize(
    ("written", "country", "form"),
    [
        ("041 234 5678", "FI", PHONE),
        ("+358 (0)41 2345678", "FI", PHONE),
        ("070-123 45 67", "SE", "+46701234567"),
        ("+46701234567", "FI", "+46701234567"),
        ("112", "FI", None),
        ("", "FI", None),
        ("x" * 300, "FI", None),
    ],
)
def test_numbers_come_in_one_form(written: str, country: str, form: str | None) -> None:
    number = e164(SecretStr(written), country)
    assert (number.get_secret_value() if number else None) == form


async def test_the_gateway_of_the_demo_shows_what_it_was_sent() -> None:
    heard: list[Text] = []
    async with (
        post_office(texts=Texts(now, hear=heard.append)) as post,
        ClientSession() as http,
    ):
        sent = {"to": PHONE, "text": "Testi <b>", "id": "m-1"}
        async with http.post(post.sms_url, json=sent) as answer:
            assert (await answer.json())["id"]
        async with http.post(post.sms_url, json={"to": PHONE}) as answer:
            assert answer.status == 400
        async with http.get(f"{post.url}/api/v1/texts") as answer:
            (told,) = (await answer.json())["texts"]
        async with http.get(post.url) as answer:
            page = await answer.text()
    assert (told["To"], told["Text"], told["Reference"]) == (PHONE, "Testi <b>", "m-1")
    assert "Testi &lt;b&gt;" in page
    assert [each.to for each in heard] == [PHONE]
