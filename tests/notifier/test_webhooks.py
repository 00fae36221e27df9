"""Webhooks to units: signed, tried for a day, said again when asked, and about nobody."""

import json
import re
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from chassis.clock import now
from services.notifier.message import Channel, Message
from services.notifier.replay import _asked, replay
from tests.chassis.conftest import NINE
from tests.notifier.desk import SECRETS, Desk, units
from tests.notifier.events import (
    EMAIL,
    NAME,
    PATIENT,
    admitted,
    booked,
    cancelled,
    waiting,
)
from tests.notifier.suppliers import Answer, Asked

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


async def hooks(desk: Desk) -> list[Message]:
    return [each for each in await desk.told() if each.channel is Channel.WEBHOOK]


async def told(desk: Desk) -> Asked:
    await desk.hear(booked(), waiting())
    await desk.deliver()
    (asked,) = [each for each in desk.hooks.asked if "patient" in each.json["type"]]
    return asked


async def test_a_unit_is_told_what_it_asked_for_and_nothing_else(desk: Desk) -> None:
    await desk.hear(booked(), waiting(), cancelled())
    await desk.deliver()
    types = sorted(each["type"] for each in desk.called)
    assert types == ["appointment.booked", "patient.waiting"]


async def test_a_webhook_holds_ids_and_codes(desk: Desk) -> None:
    asked = await told(desk)
    assert asked.json == {
        "type": "patient.waiting",
        "timestamp": NINE.isoformat(),
        "data": {
            "appointment_id": "a-1",
            "unit_id": "u1",
            "person_id": str(PATIENT),
        },
    }
    everything = b"".join(each.body for each in desk.hooks.asked).decode()
    for personal in (NAME, "Testi", EMAIL):
        assert personal not in everything


@pytest.mark.parametrize("secret", SECRETS)
async def test_the_signature_holds_with_each_of_the_units_secrets(
    desk: Desk, secret: str
) -> None:
    desk.watch.shows = now()  # the library compares with the computer's clock
    asked = await told(desk)
    assert Webhook(secret).verify(asked.body, dict(asked.headers)) == asked.json
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(asked.body + b" ", dict(asked.headers))
    other = "whsec_" + "A" * 43 + "="
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(asked.body, dict(asked.headers))


async def test_the_example_of_the_guide_verifies_a_real_webhook(desk: Desk) -> None:
    desk.watch.shows = now()
    asked = await told(desk)
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    room: dict[str, Any] = {}
    exec(example, room)  # noqa: S102 - our own example
    verify = room["verified"]
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert verify(SECRETS[0], headers, asked.body) == asked.json
    assert verify(SECRETS[0], headers, asked.body + b" ") is None
    old = {**headers, "webhook-timestamp": "1"}
    assert verify(SECRETS[0], old, asked.body) is None


async def test_what_is_not_taken_is_tried_for_a_day_under_one_id(desk: Desk) -> None:
    desk.hooks.usually = Answer(500)
    await desk.hear(booked())
    waits: list[timedelta] = []
    for _ in range(400):
        before = len(desk.hooks.asked)
        await desk.deliver()
        if len(desk.hooks.asked) > before:
            waits.append(desk.watch() - NINE)
        desk.watch.turn(timedelta(minutes=5))
    assert len({each.headers["webhook-id"] for each in desk.hooks.asked}) == 1
    assert len({each.body for each in desk.hooks.asked}) == 1
    assert len({each.headers["webhook-timestamp"] for each in desk.hooks.asked}) > 1
    assert timedelta(hours=22) < waits[-1] <= timedelta(hours=24)
    assert len(waits) < 40
    assert await desk.states(Channel.WEBHOOK) == ["event failed"]


@pytest.mark.parametrize("status", [301, 307, 400, 404, 422, 500])
async def test_a_receiver_may_mend_its_mistakes(desk: Desk, status: int) -> None:
    elsewhere = {"Location": f"{desk.hooks.url}/elsewhere"}
    desk.hooks.will(Answer(status, elsewhere))
    await desk.hear(booked())
    await desk.deliver()
    desk.watch.turn(timedelta(minutes=1))
    await desk.deliver()
    assert [each.path for each in desk.hooks.asked] == ["/hook", "/hook"]
    assert await desk.states(Channel.WEBHOOK) == ["event accepted"]


async def test_a_receiver_that_wants_no_more_is_left_alone(desk: Desk) -> None:
    desk.hooks.will(Answer(410))
    await desk.hear(booked(), waiting())
    await desk.deliver()
    assert len(desk.hooks.asked) == 1
    assert sorted(await desk.states(Channel.WEBHOOK)) == [
        "event failed",
        "event obsolete",
    ]


async def test_another_address_of_the_unit_begins_anew(desk: Desk) -> None:
    desk.hooks.will(Answer(410))
    await desk.hear(booked())
    await desk.deliver()
    moved = units(f"{desk.hooks.url}/new")
    desk.follow(moved)
    await desk.hear(waiting())
    await desk.deliver()
    assert [each.path for each in desk.hooks.asked] == ["/hook", "/new"]


async def test_a_slow_system_of_one_unit_holds_up_no_other(desk: Desk) -> None:
    both = desk.units.model_copy(
        update={"units": {each: desk.units.of("u1") for each in ("u1", "u2")}}
    )
    desk.follow(both)
    await desk.hear(*(booked(f"a-{number}") for number in range(5)))
    await desk.hear(booked("a-9", "u2"))
    claimed = [await desk.messages.claim(Channel.WEBHOOK) for _ in range(4)]
    units_of = [each.message.unit_id if each else None for each in claimed]
    assert units_of == ["u1", "u1", "u2", None]


async def test_what_was_missed_is_said_again_when_asked(desk: Desk) -> None:
    desk.hooks.will(Answer(410))
    await desk.hear(booked(), waiting())
    await desk.deliver()
    desk.watch.turn(timedelta(days=3))
    assert await desk.messages.replay("u1", NINE) == 2
    await desk.deliver()
    assert len(desk.hooks.asked) == 3
    ids = {each.headers["webhook-id"] for each in desk.hooks.asked}
    assert len(ids) == 2  # the receiver knows one of them


async def test_only_the_named_message_may_be_said_again(desk: Desk) -> None:
    await told(desk)
    wanted = (await hooks(desk))[0].message_id
    assert (
        await desk.messages.replay("u1", datetime.max.replace(tzinfo=UTC), [wanted])
        == 1
    )
    await desk.deliver()
    assert UUID(desk.hooks.asked[-1].headers["webhook-id"]) == wanted


async def test_the_command_says_again_and_only_to_this_unit(
    desk: Desk, database: Any
) -> None:
    await told(desk)
    url = SecretStr(database.services["notifier"])
    settings = desk.settings.model_copy(update={"database_url": url})

    async def asked(*arguments: str) -> int:
        told: Namespace = _asked(arguments)
        return await replay(settings, told, desk.watch)

    assert await asked("--unit", "u2", "--since", "2026-01-01") == 0
    assert await asked("--unit", "u1", "--since", "2099-01-01T00:00Z") == 0
    assert await asked("--unit", "u1", "--since", "2026-01-01") == 2
    one = str((await hooks(desk))[0].message_id)
    await desk.deliver()
    assert await asked("--unit", "u1", "--message", one) == 1


async def test_an_event_heard_before_its_booking_waits_for_the_unit(
    desk: Desk,
) -> None:
    for unit, appointment in (("u1", "a-1"), ("u2", "a-2")):
        await desk.hear(admitted(appointment))
        await desk.deliver()
        assert appointment not in str(desk.called)
        await desk.hear(booked(appointment, unit))
    await desk.deliver()
    types = {each["type"] for each in desk.called}
    assert types == {"appointment.booked", "patient.admitted"}
    assert await desk.states(Channel.WEBHOOK, "a-2") == ["event obsolete"]


async def test_an_old_word_of_the_booking_system_is_no_news(desk: Desk) -> None:
    await desk.hear(booked(sequence=3), booked(sequence=2))
    await desk.deliver()
    assert len(desk.called) == 1


async def test_a_unit_without_a_webhook_is_not_called(desk: Desk) -> None:
    await desk.hear(booked(unit="u2"))
    await desk.deliver()
    assert desk.called == []


def test_the_guide_lists_what_a_webhook_holds() -> None:
    text = GUIDE.read_text("utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert set(json.loads(shown)) == {"type", "timestamp", "data"}
    for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert header in text
