"""What is sent is judged when it is claimed, when the server is ready, and at each new try."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from chassis.database import Database
from chassis.sending import State
from chassis.smtp import ANSWER_SECONDS, SEND_SECONDS
from contract.booking import AppointmentBooked
from services.invitation.domain import Delivery
from services.invitation.flows import LEASE
from tests.invitation.office import (
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.invitation.test_companions import asking, companion
from tests.invitation.test_delays import delayed, started, told, waiting
from tests.invitation.test_flows import professional

QUARTER = timedelta(minutes=15)


@dataclass
class Thinking:
    """A mail server that thinks before it says whether it knows an address."""

    breaks_off: bool = False  # when it has the message, without a word
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    knows: asyncio.Event = field(default_factory=asyncio.Event)
    taken: int = 0

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.startswith(b"RCPT"):
                self.asked.set()
                await self.knows.wait()
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.taken += 1
                if self.breaks_off:
                    break
            writer.write(b"250 fine\r\n")
        writer.close()


@asynccontextmanager
async def thinking(server: Thinking) -> AsyncIterator[str]:
    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        server.knows.set()


async def an_invitation(office: Office) -> AppointmentBooked:
    return await office.book()


async def a_companions(office: Office) -> AppointmentBooked:
    booked = booking()
    said = asking(booked, companion(booked, "interpreter"))
    office.server.answers(email_of(booked), "550 5.1.1 unknown")  # theirs is the other
    await office.invitations.changed(said)
    await office.postman().deliver(office.connection)
    return said


async def a_delay(office: Office) -> AppointmentBooked:
    booked = await told(office)
    await office.invitations.delayed(delayed(booked, 20))
    return booked


async def a_reminder(office: Office) -> AppointmentBooked:
    rules = office.telling.rules
    rules = replace(rules, reminders=replace(rules.reminders, ahead=(QUARTER,)))
    telling = replace(office.telling, rules=rules)
    office.invitations = replace(office.invitations, telling=telling)
    booked = await told(office)
    office.clock.at = TEN - QUARTER
    return booked


async def is_moved(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.changed(moved(booked, 5, hours=2))


async def is_cancelled(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.changed(cancelled(booked, 5))


async def is_on_time(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.delayed(delayed(booked, 0))


async def is_later_still(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.delayed(delayed(booked, 40))


async def has_come(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.arrived(waiting(booked))


async def is_in_the_call(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.started(started(booked))


async def has_another_address(office: Office, booked: AppointmentBooked) -> None:
    right = SecretStr(f"right-{email_of(booked)}")
    staff = professional(office, "u-1")
    await office.oversight.correct(booked.appointment_id, right, staff)


async def is_asked_no_longer(office: Office, booked: AppointmentBooked) -> None:
    await office.invitations.changed(asking(booked))


async def has_begun(office: Office, _: AppointmentBooked) -> None:
    office.clock.at = TEN + timedelta(minutes=25)


Made = Callable[[Office], Awaitable[AppointmentBooked]]
Happened = Callable[[Office, AppointmentBooked], Awaitable[None]]

MADE_UNTRUE: list[tuple[Made, Happened]] = [
    *((an_invitation, each) for each in (is_moved, is_cancelled, has_another_address)),
    *((a_companions, each) for each in (is_moved, is_cancelled, is_asked_no_longer)),
    *((a_delay, each) for each in (is_moved, is_cancelled, has_another_address)),
    *((a_delay, each) for each in (is_on_time, is_later_still, has_come)),
    *((a_delay, each) for each in (is_in_the_call, has_begun)),
    *((a_reminder, each) for each in (is_moved, is_cancelled, has_another_address)),
    (a_reminder, has_begun),
]
every_kind = pytest.mark.parametrize(("made", "happened"), MADE_UNTRUE)


async def first_due(office: Office, booked: AppointmentBooked) -> Delivery:
    return next(
        each
        for each in await office.deliveries(booked.appointment_id)
        if each.state is State.QUEUED and each.due_at <= office.clock()
    )


async def now(
    office: Office, delivery: Delivery, booked: AppointmentBooked
) -> Delivery:
    found = await office.deliveries(booked.appointment_id)
    return next(each for each in found if each.delivery_id == delivery.delivery_id)


def got(office: Office, delivery: Delivery) -> bool:
    ids = {str(mail.message["Message-ID"]) for mail in office.mailbox.mails}
    return f"<{delivery.delivery_id}@visit.test>" in ids


def _to(delivery: Delivery, booked: AppointmentBooked) -> str:
    if delivery.role:
        return f"{delivery.role}-{booked.appointment_id}@example.test"
    return email_of(booked)


@every_kind
async def test_what_became_untrue_before_the_server_was_ready_is_not_handed_over(
    office: Office, made: Made, happened: Happened
) -> None:
    booked = await made(office)
    delivery, server = await first_due(office, booked), Thinking()
    async with thinking(server) as url:
        connection = office.connect(url)
        delivering = asyncio.create_task(office.postman().deliver(connection))
        async with asyncio.timeout(20):
            await server.asked.wait()
            await happened(office, booked)
            server.knows.set()
            assert await delivering
        await connection.hang_up()
    assert server.taken == 0
    after = await now(office, delivery, booked)
    assert after.state in {State.OBSOLETE, State.FAILED}  # failed: it came too late
    assert not after.doubt


@every_kind
@pytest.mark.parametrize("answer", ["451 4.3.0 later", "421 4.3.2 restarting"])
async def test_what_became_untrue_while_the_server_was_busy_is_not_sent(
    office: Office, made: Made, happened: Happened, answer: str
) -> None:
    booked = await made(office)
    delivery = await first_due(office, booked)
    office.server.answers(_to(delivery, booked), answer)
    assert await office.postman().deliver(office.connection)
    await happened(office, booked)
    office.clock.forward(minutes=5)
    await office.deliver()
    assert not got(office, delivery)
    assert (await now(office, delivery, booked)).state in {State.OBSOLETE, State.FAILED}


@every_kind
async def test_what_may_have_left_and_became_untrue_does_not_leave_again(
    office: Office, made: Made, happened: Happened
) -> None:
    booked = await made(office)
    delivery, server = await first_due(office, booked), Thinking(breaks_off=True)
    server.knows.set()
    async with thinking(server) as url:
        connection = office.connect(url)
        assert await office.postman().deliver(connection)
        await connection.hang_up()
    assert (await now(office, delivery, booked)).doubt
    await happened(office, booked)
    office.clock.forward(minutes=5)
    await office.deliver()
    assert server.taken == 1
    assert not got(office, delivery)


async def test_what_still_holds_is_handed_over_by_a_server_that_thinks(
    office: Office,
) -> None:
    booked, server = await office.book(), Thinking()
    async with thinking(server) as url:
        connection = office.connect(url)
        delivering = asyncio.create_task(office.postman().deliver(connection))
        async with asyncio.timeout(20):
            await server.asked.wait()
            await office.invitations.delayed(delayed(booked, 20))
            server.knows.set()
            assert await delivering
        await connection.hang_up()
    assert server.taken == 1


@pytest.mark.parametrize("late", [1, SEND_SECONDS, LEASE.total_seconds()])
async def test_a_lease_that_may_end_before_the_server_answers_is_not_used(
    office: Office, late: float
) -> None:
    """Else another instance would claim it, and hand it over beside this one."""
    booked, server = await office.book(), Thinking()
    async with thinking(server) as url:
        connection = office.connect(url)
        delivering = asyncio.create_task(office.postman().deliver(connection))
        async with asyncio.timeout(20):
            await server.asked.wait()
            office.clock.forward(seconds=LEASE.total_seconds() - 2 * ANSWER_SECONDS)
            office.clock.forward(seconds=late)
            if late >= LEASE.total_seconds():
                assert await office.claim() is not None
            server.knows.set()
            await delivering
        await connection.hang_up()
    assert server.taken == 0
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert delivery.state in {State.QUEUED, State.SENDING}


async def test_while_nobody_can_say_whether_it_holds_it_is_not_sent(
    office: Office,
) -> None:
    await office.book()
    claimed = await office.claim()
    assert claimed is not None
    away = Database(SecretStr("postgresql://nobody@127.0.0.1:1/none"), "invitation")
    office.invitations = replace(office.invitations, database=away)
    assert not await office.postman()._still_holds(claimed)  # noqa: SLF001 - as it asks
