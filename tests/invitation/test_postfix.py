"""Between us and the mailbox stands a mail server as counties have it: Debian's Postfix.

Whatever happens on the way, a patient gets exactly one e-mail, or staff hear that there is
none. Minutes pass on the office's clock; Postfix itself tries again after seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from chassis.database import Database
from chassis.outcome import Cause
from chassis.sending import State
from contract.booking import AppointmentBooked
from dev import programs
from tests import postfix as postfixes
from tests.invitation import office as offices
from tests.invitation.office import (
    Office,
    booking,
    cancelled,
    email_of,
    letterbox,
    moved,
)

WITHIN = 60
UNKNOWN = "550 5.1.1 nobody here"
REFUSES = (
    "check_recipient_access inline:{"
    "{nobody@example.test = 550 5.1.1 no such person}, "
    "{later@example.test = 450 4.7.1 too much from you}}, "
    "reject_unauth_destination"
)

pytestmark = pytest.mark.skipif(
    postfixes.missing() is not None, reason=postfixes.MISSING
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports() -> tuple[int, int]:
    """Of the next mail server and of the letterbox, the same for all tests here."""
    return programs.free_port(), programs.free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postfix(ports: tuple[int, int]) -> AsyncIterator[postfixes.Postfix]:
    next_hop, box = ports
    async with postfixes.postfix(
        f"smtp://127.0.0.1:{next_hop}", box, smtpd_recipient_restrictions=REFUSES
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def office(
    room: Database, postfix: postfixes.Postfix, ports: tuple[int, int]
) -> AsyncIterator[Office]:
    """Hands its e-mails to Postfix, which hands them to the mailbox."""
    async with room.writing() as tx:
        await tx.execute(
            "TRUNCATE appointment, companion, delivery, inbox, outbox, link_key"
        )
    async with offices.office(room, smtp_port=ports[0]) as made:
        made.connection = made.connect(postfix.smtp_url)
        yield made
        await made.connection.hang_up()


async def arrived(office: Office, booked: AppointmentBooked, number: int = 1) -> None:
    async with asyncio.timeout(WITHIN):
        await office.mailbox.until(
            lambda _: len(office.mails(email_of(booked))) >= number
        )


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await true():  # noqa: ASYNC110 - the other end is another program
            await asyncio.sleep(0.1)


async def failed(office: Office, booked: AppointmentBooked) -> Sequence[str]:
    """Waits for the failure, and gives the reasons that were said."""

    async def has_failed() -> bool:
        return ("invitation", "failed") in await office.states(booked.appointment_id)

    await until(has_failed)
    said = await office.said(booked.appointment_id)
    return [told["reason"] for topic, told in said if topic == "invitation.failed"]


def links_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_an_e_mail_reaches_the_mailbox_through_postfix_once(
    office: Office,
) -> None:
    booked = await office.book()
    await office.deliver()
    await arrived(office, booked)

    (mail,) = office.mails(email_of(booked))
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert mail["Message-ID"] == f"<{delivery.delivery_id}@visit.test>"
    assert delivery.state is State.ACCEPTED


async def test_what_the_next_server_refuses_comes_back_and_is_said(
    office: Office, ports: tuple[int, int]
) -> None:
    booked = booking()
    office.server.answers(email_of(booked), UNKNOWN)
    await office.invitations.changed(booked)
    async with letterbox(office, ports[1]):
        await office.deliver()
        assert await failed(office, booked) == ["address_refused"]

    assert office.mails(email_of(booked)) == []


async def test_a_report_waits_in_postfix_until_the_letterbox_is_there(
    office: Office, postfix: postfixes.Postfix, ports: tuple[int, int]
) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "552 5.2.2 full")
    await office.invitations.changed(booked)
    await office.deliver()
    (delivery,) = await office.deliveries(booked.appointment_id)

    async def waits() -> bool:
        own = delivery.delivery_id.hex
        lines = postfix.log().splitlines()
        return any(own in each and "status=deferred" in each for each in lines)

    await until(waits)
    async with letterbox(office, ports[1]):
        assert await failed(office, booked) == ["mailbox_full"]


async def test_what_an_e_mail_says_does_not_travel_back(
    office: Office, ports: tuple[int, int]
) -> None:
    came: list[bytes] = []
    read = office.returns.reader

    class Noting:
        def read(self, raw: bytes, came_to: str | None = None) -> object:
            came.append(raw)
            return read.read(raw, came_to)

    object.__setattr__(office.returns, "reader", Noting())
    booked = booking()
    office.server.answers(email_of(booked), UNKNOWN)
    await office.invitations.changed(booked)
    async with letterbox(office, ports[1]):
        await office.deliver()
        await failed(office, booked)

    (report,) = came
    assert b"text/rfc822-headers" in report
    assert b"/v/" not in report
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert f"Original-Envelope-Id: {delivery.delivery_id.hex}".encode() in report


async def test_who_is_unknown_to_postfix_itself_is_refused_at_once(
    office: Office,
) -> None:
    patient = {"name": "Testi", "email": "nobody@example.test", "language": "fi"}
    booked = await office.book(patient=patient)
    await office.deliver()
    assert await failed(office, booked) == ["address_refused"]


async def test_a_server_that_wants_less_at_once_says_so(office: Office) -> None:
    patient = {"name": "Testi", "email": "later@example.test", "language": "fi"}
    booked = await office.book(patient=patient)
    claimed = await office.claim()
    assert claimed is not None
    mail = office.desk.write(claimed.appointment, claimed.delivery)
    result = await office.connection.hand_over(mail)
    await office.invitations.settle(claimed, result)

    assert getattr(result, "cause", None) is Cause.SLOWER
    assert await office.states(booked.appointment_id) == [("invitation", "queued")]


async def test_an_outage_of_minutes_delays_and_loses_nothing_and_doubles_nothing(
    office: Office, postfix: postfixes.Postfix
) -> None:
    bookings = [await office.book() for _ in range(5)]
    await postfix.stop()
    for _ in range(6):
        await office.deliver()
        office.clock.forward(minutes=1)
    assert office.mailbox.mails == ()

    await postfix.start()
    office.clock.forward(minutes=20)
    await office.deliver()
    for each in bookings:
        await arrived(office, each)
    assert len(office.mailbox.mails) == len(bookings)


async def test_a_next_server_that_lists_strangers_as_grey_gets_one_in_the_end(
    office: Office, ports: tuple[int, int]
) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "450 4.2.0 greylisted", "450 4.2.0 again")
    await office.invitations.changed(booked)
    async with letterbox(office, ports[1]):
        await office.deliver()
        await arrived(office, booked)

    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]
    assert len(office.mails(email_of(booked))) == 1


@asynccontextmanager
async def cut_after_the_message(smtp_url: str) -> AsyncIterator[str]:
    """A way to the mail server whose first traveller never hears the last answer."""
    target, travellers = urlsplit(smtp_url), 0

    async def through(
        near: asyncio.StreamReader, near_out: asyncio.StreamWriter
    ) -> None:
        nonlocal travellers
        travellers += 1
        is_cut = travellers == 1
        far, far_out = await asyncio.open_connection(target.hostname, target.port)
        back = asyncio.create_task(pour(far, near_out))
        seen = b""
        while some := await near.read(65536):
            seen = (seen + some)[-5:]
            if is_cut and seen == b"\r\n.\r\n":
                back.cancel()
                await asyncio.wait([back])
                far_out.write(some)
                await far.readline()  # the answer, which goes no further
                near_out.close()
                break
            far_out.write(some)
        far_out.close()
        await asyncio.wait([back])

    server = await asyncio.start_server(through, "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def pour(source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    while some := await source.read(65536):
        out.write(some)
        await out.drain()
    out.close()


async def test_a_line_that_breaks_after_the_message_repeats_it_under_its_own_name(
    office: Office, postfix: postfixes.Postfix
) -> None:
    booked = await office.book()
    async with cut_after_the_message(postfix.smtp_url) as url:
        connection = office.connect(url)
        await office.postman(connection).deliver(connection)
        (delivery,) = await office.deliveries(booked.appointment_id)
        assert (delivery.state, delivery.doubt) == (State.QUEUED, True)
        await arrived(office, booked)

        office.clock.forward(minutes=1)
        await office.postman(connection).deliver(connection)
        await arrived(office, booked, number=2)
        await connection.hang_up()

    first, second = office.mails(email_of(booked))
    assert first["Message-ID"] == second["Message-ID"]
    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_words_that_come_twice_and_in_any_order_end_in_what_is_true(
    office: Office,
) -> None:
    booked = booking()
    late = moved(booked, 1, hours=1)
    newest = moved(booked, 2, hours=2)
    for said in (newest, booked, late, booked, newest, late):
        await office.invitations.changed(said)
        await office.deliver()
    await arrived(office, booked)
    off = cancelled(booked, 3)
    for said in (off, newest, off):
        await office.invitations.changed(said)
        await office.deliver()
    await arrived(office, booked, number=2)

    invitation, cancellation = office.mails(email_of(booked))
    assert "12.00" in invitation["Subject"]
    assert links_of(cancellation) != links_of(invitation)
    assert [kind for kind, _ in await office.states(booked.appointment_id)] == [
        "invitation",
        "cancellation",
    ]
