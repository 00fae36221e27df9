"""From the decision to tell until a supplier has taken the message, whatever happens."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from pydantic import SecretStr

from chassis.database import Database
from chassis.outcome import Accepted, NotNow, Reason
from chassis.sending import State
from services.notifier import doorbell_store, store
from services.notifier.domain import Appointment
from services.notifier.doorbell import Doorbell
from services.notifier.message import Channel, Message, Subject, To
from services.notifier.messages import LEASE
from tests.logbook import listening
from tests.notifier.desk import (
    DUTY_EMAIL,
    DUTY_PHONE,
    HOUR,
    PHONE,
    Desk,
    away,
    late,
    summoned,
    who,
    with_texts,
)
from tests.notifier.events import EMAIL, GUARDIAN, NAME, PATIENT
from tests.notifier.suppliers import Answer


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def somebody_waits(desk: Desk) -> None:
    """So that the duty contact is called: at each unit, nobody has seen to it."""
    known = Appointment.unheard("a-1", desk.watch())
    async with desk.database.writing() as tx:
        await store.keep(tx, known)
        for unit, person in (("u1", PATIENT), ("u9", GUARDIAN)):
            bell = Doorbell("a-1", person, unit, desk.watch(), desk.watch())
            over_at = desk.watch() + 24 * HOUR
            await doorbell_store.save(
                tx, bell, next_at=None, past_since=None, over_at=over_at
            )


async def still_holds() -> bool:
    return True


def to_duty(desk: Desk, channel: Channel, **more: Any) -> Message:
    now = desk.watch()
    told: dict[str, Any] = {
        "message_id": uuid4(),
        "once": str(uuid4()),
        "channel": channel,
        "to": To.DUTY,
        "subject": Subject.DOORBELL,
        "appointment_id": "a-1",
        "unit_id": "u1",
        "person_id": PATIENT,
        "codes": {"minutes": 4},
        "created_at": now,
        "due_at": now,
        "until": now + 2 * HOUR,
        **more,
    }
    return Message(**told)


async def one(desk: Desk, channel: Channel = Channel.SMS) -> Message:
    (message,) = [each for each in await desk.told() if each.channel is channel]
    return message


async def delayed(desk: Desk) -> None:
    """A patient is to be sent a text message that is of use for an hour and more."""
    await desk.hear(with_texts(), late(20, 1))


async def test_the_duty_contact_is_told_in_the_units_language(desk: Desk) -> None:
    for channel in (Channel.SMS, Channel.EMAIL):
        await desk.queue(to_duty(desk, channel))
    await desk.deliver()
    (text,) = desk.texts
    assert text["to"] == DUTY_PHONE
    assert "väntat i 4 min" in text["text"]
    (mail,) = desk.mailbox.mails
    assert mail.message["To"] == DUTY_EMAIL
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message.get_content_type() == "text/plain"
    assert "/staff" in mail.message.get_content()


async def test_a_unit_without_a_duty_contact_is_a_named_failure(desk: Desk) -> None:
    for channel in (Channel.SMS, Channel.EMAIL):
        await desk.queue(to_duty(desk, channel, unit_id="u9", person_id=GUARDIAN))
    await desk.deliver()
    assert {each.reason for each in await desk.told()} == {Reason.NO_ADDRESS}


async def test_of_two_messages_with_one_key_the_first_is_sent(desk: Desk) -> None:
    assert await desk.queue(to_duty(desk, Channel.SMS, once="same"))
    assert not await desk.queue(to_duty(desk, Channel.SMS, once="same"))
    await desk.deliver()
    assert len(desk.texts) == 1


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_what_a_gateway_refuses_is_final(desk: Desk, status: int) -> None:
    desk.gateway.will(Answer(status))
    await delayed(desk)
    for _ in range(3):
        await desk.deliver()
        desk.watch.turn(timedelta(minutes=10))
    message = await one(desk)
    assert (message.state, message.reason) == (State.FAILED, Reason.MESSAGE_REFUSED)
    assert len(desk.texts) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 503, 302])
async def test_what_may_work_later_is_tried_until_it_does(
    desk: Desk, status: int
) -> None:
    desk.gateway.will(Answer(status), Answer(status), Answer(status))
    await delayed(desk)
    for _ in range(4):
        await desk.deliver()
        desk.watch.turn(timedelta(minutes=5))
    message = await one(desk)
    assert (message.state, message.attempts) == (State.ACCEPTED, 4)
    assert not message.doubt


@pytest.mark.parametrize("asked", ["120", "Mon, 23 Nov 2026 09:02:00 GMT"])
async def test_a_gateway_that_asks_for_peace_gets_it(desk: Desk, asked: str) -> None:
    desk.gateway.will(Answer(429, {"Retry-After": asked}))
    await delayed(desk)
    await desk.deliver()
    desk.watch.turn(timedelta(seconds=119))
    await desk.deliver()
    assert len(desk.texts) == 1
    desk.watch.turn(timedelta(seconds=1))
    await desk.deliver()
    assert len(desk.texts) == 2


@pytest.mark.parametrize("answer", [Answer(500), Answer(502), Answer(lost=True)])
async def test_a_text_that_may_have_left_twice_is_not_sent_a_third_time(
    desk: Desk, answer: Answer
) -> None:
    desk.gateway.usually = answer
    await delayed(desk)
    for _ in range(5):
        await desk.deliver()
        desk.watch.turn(timedelta(minutes=10))
    assert len(desk.texts) == 2
    assert len({each["id"] for each in desk.texts}) == 1  # so a gateway can tell
    assert (await one(desk)).reason is Reason.NO_ANSWER


async def test_a_gateway_that_is_down_for_minutes_costs_nothing(desk: Desk) -> None:
    """Its connections are refused, and then it is there again."""
    url = desk.gateway.url
    sender: Any = desk.sender(Channel.SMS)
    there = sender._gateway  # noqa: SLF001
    sender._gateway = replace(there, url="http://127.0.0.1:1/send")  # noqa: SLF001
    await delayed(desk)
    for _ in range(12):
        await desk.deliver()
        desk.watch.turn(timedelta(seconds=30))
    assert (await one(desk)).state is State.QUEUED
    sender._gateway = replace(there, url=f"{url}/send")  # noqa: SLF001
    desk.watch.turn(timedelta(minutes=10))
    await desk.deliver()
    message = await one(desk)
    assert (message.state, message.doubt) == (State.ACCEPTED, False)
    assert len(desk.texts) == 1


async def test_a_gateway_that_stays_down_is_given_up_in_time(desk: Desk) -> None:
    desk.gateway.usually = Answer(503)
    await delayed(desk)
    for _ in range(40):
        await desk.deliver()
        desk.watch.turn(timedelta(minutes=5))
    message = await one(desk)
    assert message.reason is Reason.NO_ANSWER
    assert message.settled_at is not None
    assert message.settled_at <= message.until


async def test_after_a_crash_a_text_is_sent_once_more_and_never_again(
    desk: Desk,
) -> None:
    """The courier fell after the gateway took it and before that was written."""
    await delayed(desk)
    for _ in range(3):
        claimed = await desk.messages.claim(Channel.SMS)
        if claimed is None:
            break
        await desk.sender(Channel.SMS).send(claimed, still_holds)
        desk.watch.turn(LEASE)
    await desk.deliver()
    assert len(desk.texts) == 2
    assert (await one(desk)).reason is Reason.NO_ANSWER


async def test_a_claimed_message_is_nobody_elses(desk: Desk) -> None:
    await delayed(desk)
    assert await desk.messages.claim(Channel.SMS) is not None
    assert await desk.messages.claim(Channel.SMS) is None


async def test_many_couriers_send_each_message_once(desk: Desk) -> None:
    for _ in range(20):
        await desk.queue(to_duty(desk, Channel.SMS))
    senders = desk.senders[Channel.SMS]

    async def go(sender: Any) -> None:
        while await desk.couriers.deliver(Channel.SMS, sender):
            pass

    await asyncio.gather(*map(go, senders))
    assert len(desk.texts) == 20
    assert len({each["id"] for each in desk.texts}) == 20


async def test_who_lost_the_lease_settles_nothing(desk: Desk) -> None:
    await delayed(desk)
    slow = await desk.messages.claim(Channel.SMS)
    desk.watch.turn(LEASE)
    quick = await desk.messages.claim(Channel.SMS)
    assert slow
    assert quick
    assert await desk.messages.settle(slow, NotNow()) is None
    await desk.messages.settle(quick, Accepted("g-7"))
    assert (await one(desk)).reference == "g-7"


async def test_no_transaction_is_open_while_a_supplier_is_waited_for(
    desk: Desk,
) -> None:
    await delayed(desk)
    claimed = await desk.messages.claim(Channel.SMS)
    assert claimed is not None
    async with desk.database.reading() as tx:
        open_elsewhere = await tx.fetchval(
            """
            SELECT count(*) FROM pg_stat_activity
             WHERE usename = current_user AND pid <> pg_backend_pid()
               AND state LIKE 'idle in transaction%'
            """
        )
    assert open_elsewhere == 0


class Stuck:
    """A supplier that answers when the test says."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, _: object, __: object) -> Accepted:
        self.begun.set()
        await self.go_on.wait()
        return Accepted()

    async def rest(self) -> None:
        pass


async def test_a_slow_supplier_holds_up_no_other_channel(desk: Desk) -> None:
    stuck = Stuck()
    desk.senders = {**desk.senders, Channel.SMS: [stuck]}
    running = asyncio.create_task(desk.couriers_of(desk.messages).run())
    await desk.queue(to_duty(desk, Channel.SMS))
    await desk.queue(to_duty(desk, Channel.EMAIL))
    desk.woken.set()
    async with asyncio.timeout(30):
        await stuck.begun.wait()
        await desk.mailbox.until(lambda mails: len(mails) == 1)
    stuck.go_on.set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_has_been_begun_is_finished_before_the_stop(desk: Desk) -> None:
    stuck = Stuck()
    desk.senders = {Channel.SMS: [stuck]}
    await desk.queue(to_duty(desk, Channel.SMS))
    running = asyncio.create_task(desk.couriers_of(desk.messages).run())
    async with asyncio.timeout(30):
        await stuck.begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    stuck.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await one(desk)).state is State.ACCEPTED


async def test_while_the_database_is_away_the_couriers_wait(desk: Desk) -> None:
    away_from = Database(SecretStr("postgresql://nobody@127.0.0.1:1/none"), "notifier")
    couriers = desk.couriers_of(replace(desk.messages, database=away_from))
    assert not await couriers.deliver(Channel.SMS, desk.sender(Channel.SMS))


async def test_an_error_of_our_own_stops_no_courier(desk: Desk) -> None:
    """A subject that has no words fails alone, and others go their way."""
    await desk.queue(to_duty(desk, Channel.SMS, subject=Subject.EVENT))
    await desk.queue(to_duty(desk, Channel.SMS))
    await desk.deliver()
    assert len(desk.texts) == 1


async def test_the_oldest_that_waits_is_measured(desk: Desk) -> None:
    await desk.queue(to_duty(desk, Channel.SMS))
    desk.watch.turn(timedelta(minutes=7))
    await desk.messages.measure()
    assert _measured("sms") == 420
    await desk.deliver()
    await desk.messages.measure()
    assert _measured("sms") == 0


def _measured(channel: str) -> float | None:
    return REGISTRY.get_sample_value(
        "notifier_oldest_message_seconds", {"channel": channel}
    )


async def test_no_log_line_has_a_number_an_address_or_an_endpoint(desk: Desk) -> None:
    desk.gateway.will(Answer(400, body=f"{PHONE} is barred"), Answer(lost=True))
    with listening() as book:
        await desk.hear(with_texts(), who(), away(2))
        browser = await desk.browser()
        await desk.hear(late(20, 3), summoned(5))
        await desk.queue(to_duty(desk, Channel.EMAIL))
        await desk.queue(to_duty(desk, Channel.SMS))
        await desk.deliver()
    written = book.getvalue()
    assert "A message was tried." in written
    for personal in (PHONE, PHONE[4:], DUTY_PHONE, DUTY_EMAIL, EMAIL, NAME):
        assert personal not in written
    for secret in (browser.endpoint, desk.hooks.url, "of-the-test"):
        assert secret not in written
