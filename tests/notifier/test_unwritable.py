"""What is wrong with one message ends that one; what is wrong with us ends none."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from chassis.outcome import Reason
from chassis.sending import State
from contract.invitation import InvitationFailed, Kind
from services.notifier.message import Channel, Message, Subject, To
from services.notifier.push import Identity, PushSender
from tests.chassis.conftest import NINE
from tests.keys import a_professional, pem
from tests.logbook import listening
from tests.notifier.conftest import House
from tests.notifier.desk import (
    HOUR,
    Desk,
    away,
    late,
    summoned,
    units,
    waiting_at,
    who,
    with_texts,
)
from tests.notifier.events import booked, moved
from tests.notifier.suppliers import Answer

DAY = timedelta(days=1)


def count(name: str, channel: Channel) -> float:
    found = REGISTRY.get_sample_value(f"{name}_total", {"channel": channel})
    return found or 0.0


def to_the_unit(desk: Desk, channel: Channel, unit: str = "u1", **more: Any) -> Message:
    """Something that is said whatever happens: what is judged is tried elsewhere."""
    now = desk.watch()
    told: dict[str, Any] = {
        "message_id": uuid4(),
        "once": str(uuid4()),
        "channel": channel,
        "to": To.SYSTEM if channel is Channel.WEBHOOK else To.DUTY,
        "subject": Subject.EVENT,
        "appointment_id": "a-1",
        "unit_id": unit,
        "codes": {"type": "patient.waiting", "at": now.isoformat()},
        "created_at": now,
        "due_at": now,
        "until": now + HOUR,
        **more,
    }
    return Message(**told)


async def message(desk: Desk, message_id: UUID) -> Message:
    (found,) = [each for each in await desk.told() if each.message_id == message_id]
    return found


async def execute(desk: Desk, query: str, *values: object) -> None:
    async with desk.database.writing() as tx:
        await tx.execute(query, *values)


@pytest.mark.parametrize(
    ("channel", "wrong"),
    [
        (Channel.WEBHOOK, {"codes": {}}),
        (Channel.SMS, {}),  # there are no words for it
        (Channel.EMAIL, {}),
    ],
)
async def test_what_cannot_be_written_fails_alone(
    desk: Desk, channel: Channel, wrong: dict[str, Any]
) -> None:
    before = count("notifier_messages_unwritable", channel)
    broken = to_the_unit(desk, channel, **wrong)
    await desk.queue(broken)
    await desk.queue(to_the_unit(desk, Channel.WEBHOOK))
    with listening() as book:
        await desk.deliver()
    ended = await message(desk, broken.message_id)
    assert (ended.state, ended.reason) == (State.FAILED, Reason.UNWRITABLE)
    assert ended.attempts == 1
    assert len(desk.called) == 1
    assert str(broken.message_id) in book.getvalue()
    assert count("notifier_messages_unwritable", channel) == before + 1


async def test_what_cannot_be_read_is_put_aside_and_fails_in_the_end(
    desk: Desk,
) -> None:
    """An older version meets what a newer one wrote, and may meet it for a while."""
    broken, well = [to_the_unit(desk, Channel.WEBHOOK) for _ in range(2)]
    await desk.queue(broken)
    spoil = "UPDATE message SET subject = 'of tomorrow' WHERE message_id = $1"
    await execute(desk, spoil, broken.message_id)
    desk.watch.turn(timedelta(seconds=1))
    await desk.queue(well)
    with listening() as book:
        await desk.deliver()
    assert len(desk.called) == 1
    assert str(broken.message_id) in book.getvalue()
    assert await _state(desk, broken.message_id) == ("queued", None)
    desk.watch.turn(HOUR)
    await desk.deliver()
    assert await _state(desk, broken.message_id) == ("failed", "unwritable")


async def _state(desk: Desk, message_id: UUID) -> tuple[str, str | None]:
    async with desk.database.reading() as tx:
        row = await tx.fetchrow(
            "SELECT state, reason FROM message WHERE message_id = $1", message_id
        )
    return row["state"], row["reason"]


async def test_what_cannot_be_judged_is_put_aside(desk: Desk) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1), away(2), summoned(5))
    await execute(desk, "UPDATE fact SET codes = '[]' WHERE topic = 'patient.summoned'")
    await desk.queue(to_the_unit(desk, Channel.WEBHOOK))
    desk.watch.shows = NINE + timedelta(minutes=6)
    await desk.deliver()
    assert desk.texts == []
    assert "patient.waiting" in [each["type"] for each in desk.called]
    desk.watch.turn(HOUR)
    await desk.deliver()
    assert await desk.states(Channel.SMS) == ["your_turn failed"]


@pytest.mark.parametrize(
    "email",
    ["anna@[gmail.com", "a@b@", "@", "", "a b@x.fi", "a@" + "x" * 300, "a\n@x.fi", "ä"],
)
async def test_a_duty_address_that_is_none_ends_its_message(
    desk: Desk, email: str
) -> None:
    wanted = units(f"{desk.hooks.url}/hook").model_dump()
    wanted["units"]["u1"]["duty"] = {"email": SecretStr(email)}
    desk.follow(type(desk.units).model_validate(wanted))
    duty = to_the_unit(desk, Channel.EMAIL)
    await desk.queue(duty)
    await desk.deliver()
    assert (await message(desk, duty.message_id)).state is State.FAILED
    assert not desk.mailbox.mails


@pytest.mark.parametrize(
    "phone", ["+3584\x00", "+", "()", "0" * 40, "+358 40 123 4567 ext. x", "٠٤٠", "☎"]
)
async def test_a_number_that_is_none_ends_its_message(desk: Desk, phone: str) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1), away(2), summoned(5))
    spoilt = phone.replace("\x00", "")  # PostgreSQL takes none
    await execute(desk, "UPDATE contact SET phone = $1", spoilt)
    await desk.deliver()
    assert desk.texts == []
    (text,) = [each for each in await desk.told() if each.channel is Channel.SMS]
    assert text.state is State.FAILED


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [("", ""), ("k", "a"), ("B" * 87, "A" * 22), ("ä", "☎"), ("=", "=")],
)
async def test_a_browser_with_broken_keys_is_forgotten_alone(
    desk: Desk, p256dh: str, auth: str
) -> None:
    await desk.hear(with_texts(agreed=False), who(), waiting_at(1), away(2))
    broken, well = await desk.browser(), await desk.browser()
    await execute(
        desk,
        "UPDATE subscription SET p256dh = $2, auth = $3 WHERE endpoint = $1",
        broken.endpoint,
        p256dh,
        auth,
    )
    await desk.hear(summoned(5))
    await desk.deliver()
    assert (len(broken.asked), len(well.shown)) == (0, 1)
    async with desk.database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM subscription") == 1


async def test_a_key_of_ours_that_cannot_sign_ends_no_message(desk: Desk) -> None:
    before = count("notifier_message_tries_ours", Channel.PUSH)
    await desk.hear(with_texts(agreed=False), who(), waiting_at(1), away(2))
    browser = await desk.browser()
    await desk.hear(summoned(5))
    sender = desk.senders[Channel.PUSH][0]
    assert isinstance(sender, PushSender)
    good = sender._identity  # noqa: SLF001
    sender._identity = Identity(pem(), "no address", desk.watch)  # noqa: SLF001
    await desk.deliver()
    assert await desk.states(Channel.PUSH) == ["your_turn queued"]
    assert count("notifier_message_tries_ours", Channel.PUSH) == before + 1
    sender._identity = good  # noqa: SLF001
    desk.watch.turn(timedelta(seconds=10))
    await desk.deliver()
    assert len(browser.shown) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_push_service_that_refuses_our_key_ends_no_subscription(
    desk: Desk, status: int
) -> None:
    before = count("notifier_message_tries_ours", Channel.PUSH)
    await desk.hear(with_texts(agreed=False), who(), waiting_at(1), away(2))
    browser = await desk.browser()
    desk.pushes.will(Answer(status))
    await desk.hear(summoned(5))
    await desk.deliver()
    assert count("notifier_message_tries_ours", Channel.PUSH) == before + 1
    desk.watch.turn(timedelta(seconds=10))
    await desk.deliver()
    assert await desk.states(Channel.PUSH) == ["your_turn accepted"]
    assert len(browser.asked) == 2


async def test_a_gateway_that_refuses_our_secret_ends_no_message(desk: Desk) -> None:
    before = count("notifier_message_tries_ours", Channel.SMS)
    desk.gateway.will(Answer(401), Answer(403))
    await desk.hear(with_texts(), late(20, 1))
    for _ in range(3):
        await desk.deliver()
        desk.watch.turn(timedelta(minutes=2))
    assert count("notifier_message_tries_ours", Channel.SMS) == before + 2
    assert await desk.states(Channel.SMS) == ["delay accepted"]


@pytest.mark.parametrize("told", ['"a\\u0000b"', '"\\ud800"', '"a\\nb"'])
async def test_what_a_gateway_calls_a_message_is_kept_when_it_can_be(
    desk: Desk, told: str
) -> None:
    """Else the text would be in doubt, and be sent again."""
    desk.gateway.will(Answer(200, body=f'{{"id": {told}}}'))
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    (text,) = [each for each in await desk.told() if each.channel is Channel.SMS]
    assert (text.state, text.reference) == (State.ACCEPTED, None)


def failed() -> InvitationFailed:
    return InvitationFailed(
        source="/invitation",
        appointment_id="never-booked",
        kind=Kind.INVITATION,
        reason="no_answer",
    )


async def test_a_notice_of_no_known_unit_that_is_dropped_ends_no_stream(
    house: House,
) -> None:
    await house.hear(booked())
    server = await house.instance()
    async with house.listening(server, a_professional(NINE + DAY, "u1")) as staff:
        await staff.snapshot()
        await house.hear(failed(), failed())
        house.watch.shows = NINE + timedelta(minutes=11)
        await house.hear(moved())  # when this is told, what came before was seen
        assert [each["topic"] for each in await staff.notices(1)] == [moved().topic]
        await house.hear(failed(), failed())
        house.watch.shows = NINE + timedelta(minutes=22)
        await house.notifier.forget()
        await house.hear(moved(sequence=2))
        assert [each["topic"] for each in await staff.notices(1)] == [moved().topic]


async def test_a_notice_that_cannot_be_read_is_left_out(house: House) -> None:
    await house.hear(booked())
    server = await house.instance()
    async with house.listening(server, a_professional(NINE + DAY, "u1")) as staff:
        await staff.snapshot()
        async with house.notifier.database.writing() as tx:
            await tx.execute(
                """
                INSERT INTO notice (audience, addressee, appointment_id, topic, codes, at,
                                    noted_at)
                VALUES ('unit', 'u1', 'a-1', 'of.tomorrow', '[1]', $1, $1)
                """,
                NINE,
            )
        await house.hear(moved())
        assert [each["topic"] for each in await staff.notices(1)] == [moved().topic]
    async with house.listening(server, a_professional(NINE + DAY, "u1")) as staff:
        assert [each["topic"] for each in await staff.snapshot()] == [moved().topic]
