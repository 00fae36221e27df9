"""From the decision to write until a mail server has taken it, over real SMTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from chassis.database import Database
from chassis.outcome import Cause, NotNow, Reason
from chassis.sending import State
from chassis.smtp import Connection, MailServer, Tls
from services.invitation.flows import LEASE
from tests.invitation.office import (
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.logbook import listening


async def failures(office: Office, appointment_id: str) -> list[str]:
    return [
        said["reason"]
        for topic, said in await office.said(appointment_id)
        if topic == "invitation.failed"
    ]


async def test_a_server_that_is_busy_is_tried_again_until_it_takes_the_e_mail(
    office: Office,
) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "451 4.7.1 try later", "421 closing")
    await office.invitations.changed(booked)
    await office.deliver()
    assert await office.states(booked.appointment_id) == [("invitation", "queued")]

    await office.deliver()
    assert office.mails(email_of(booked)) == []  # not before its pause is over
    for _ in range(2):
        office.clock.forward(minutes=1)
        await office.deliver()

    assert len(office.mails(email_of(booked))) == 1
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert (delivery.state, delivery.attempts) == (State.ACCEPTED, 3)


async def test_an_address_that_is_refused_is_said_and_not_tried_again(
    office: Office,
) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "550 5.1.1 nobody here")
    await office.invitations.changed(booked)
    for _ in range(3):
        await office.deliver()
        office.clock.forward(hours=1)

    assert office.mails(email_of(booked)) == []
    assert await failures(office, booked.appointment_id) == ["address_refused"]


@pytest.mark.parametrize("address", ["not an address", "@", "a@", "a@b@c"])
async def test_what_is_no_address_fails_by_itself(office: Office, address: str) -> None:
    patient = {"name": "Testi", "email": address, "language": "sv"}
    booked = await office.book(patient=patient)
    await office.deliver()

    assert await failures(office, booked.appointment_id) == ["address_refused"]


async def test_an_address_may_be_written_in_any_alphabet(office: Office) -> None:
    patient = {"name": "Testi", "email": "åsa.testi@exämple.test", "language": "sv"}
    booked = await office.book(patient=patient)
    await office.deliver()

    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_who_was_never_invited_hears_of_no_cancellation(office: Office) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "550 5.1.1 nobody here")
    await office.invitations.changed(booked)
    await office.deliver()
    await office.invitations.changed(cancelled(booked, 1))
    await office.deliver()

    assert office.mails(email_of(booked)) == []


async def test_a_move_after_a_failure_is_a_new_try_with_an_invitation(
    office: Office,
) -> None:
    booked = booking()
    office.server.answers(email_of(booked), "552 5.2.2 full")
    await office.invitations.changed(booked)
    await office.deliver()
    await office.invitations.changed(moved(booked, 1, hours=1))
    await office.deliver()

    assert await office.states(booked.appointment_id) == [
        ("invitation", "failed"),
        ("invitation", "accepted"),
    ]


async def test_no_server_at_all_is_tried_for_a_day_and_then_said(
    office: Office,
) -> None:
    booked = await office.book()
    nobody = office.connect("smtp://127.0.0.1:1")
    postman = office.postman()
    for _ in range(60):
        while await postman.deliver(nobody):
            pass
        office.clock.forward(minutes=30)

    assert await failures(office, booked.appointment_id) == [Reason.NO_ANSWER]
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert delivery.settled_at is not None
    assert delivery.settled_at - delivery.created_at < timedelta(hours=26)


async def test_an_e_mail_that_comes_too_late_is_not_sent_and_said(
    office: Office,
) -> None:
    booked = await office.book()
    office.clock.forward(days=4)
    await office.deliver()

    assert office.mails(email_of(booked)) == []
    assert await failures(office, booked.appointment_id) == [Reason.NO_ANSWER]


async def test_after_a_crash_the_same_message_is_sent_and_no_other(
    office: Office,
) -> None:
    """The postman fell after the server took the e-mail and before that was written."""
    booked = await office.book()
    claimed = await office.claim()
    assert claimed is not None
    mail = office.desk.write(claimed.appointment, claimed.delivery)
    await office.connection.hand_over(mail)

    await office.deliver()
    assert len(office.mails(email_of(booked))) == 1  # its lease has not ended
    office.clock.forward(seconds=LEASE.total_seconds())
    await office.deliver()

    first, second = office.mails(email_of(booked))
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_after_a_crash_what_became_untrue_is_not_sent(office: Office) -> None:
    booked = await office.book()
    await office.claim()
    await office.invitations.changed(moved(booked, 1, hours=2))
    office.clock.forward(seconds=LEASE.total_seconds())
    await office.deliver()

    (mail,) = office.mails(email_of(booked))
    assert "12.00" in mail["Subject"]
    assert await office.states(booked.appointment_id) == [
        ("invitation", "obsolete"),
        ("update", "accepted"),  # the invitation may have left
    ]


async def test_a_connection_that_breaks_amid_a_message_leaves_it_in_doubt(
    office: Office,
) -> None:
    async def break_off(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for answer in (
            b"220 a\r\n",
            b"250 b\r\n",
            b"250 c\r\n",
            b"250 d\r\n",
            b"354 e\r\n",
        ):
            writer.write(answer)
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await office.book()
    claimed = await office.claim()
    assert claimed is not None
    mail = office.desk.write(claimed.appointment, claimed.delivery)
    connection = office.connect(f"smtp://127.0.0.1:{port}")
    assert await connection.hand_over(mail) == NotNow(doubt=True, cause=Cause.AWAY)
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def counted(smtp_url: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A way through to the mail server that notes each connection."""
    target, opened = urlsplit(smtp_url), []

    async def through(
        near: asyncio.StreamReader, near_out: asyncio.StreamWriter
    ) -> None:
        opened.append("once more")
        far, far_out = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(_pour(near, far_out), _pour(far, near_out))

    server = await asyncio.start_server(through, "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", opened
    finally:
        server.close()


async def _pour(source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    while some := await source.read(65536):
        out.write(some)
        await out.drain()
    out.close()


async def test_many_e_mails_go_over_one_connection(office: Office) -> None:
    for _ in range(5):
        await office.book()
    async with counted(office.smtp_url) as (url, opened):
        connection, postman = office.connect(url), office.postman()
        while await postman.deliver(connection):
            pass
        await connection.hang_up()

    assert len(office.mailbox.mails) == 5
    assert len(opened) == 1


async def test_encryption_that_is_required_and_not_offered_sends_nothing(
    office: Office,
) -> None:
    booked = await office.book()
    strict = Connection(MailServer.of(SecretStr(office.smtp_url), Tls.REQUIRED))
    await office.postman().deliver(strict)

    assert office.mails(email_of(booked)) == []
    assert await office.states(booked.appointment_id) == [("invitation", "queued")]


async def test_the_running_postman_sends_at_once_and_finishes_what_it_began(
    office: Office,
) -> None:
    booked = await office.book()
    running = asyncio.create_task(office.postman().run())
    async with asyncio.timeout(10):
        await office.mailbox.until(lambda mails: len(mails) == 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_while_the_database_is_away_the_postman_waits(office: Office) -> None:
    await office.book()
    away = Database(SecretStr("postgresql://nobody@127.0.0.1:1/none"), "invitation")
    office.invitations = replace(office.invitations, database=away)
    assert not await office.postman().deliver(office.connection)


async def test_no_log_line_has_an_address_a_subject_or_a_link(office: Office) -> None:
    good, bad = booking(), booking()
    office.server.answers(email_of(bad), f"550 5.1.1 <{email_of(bad)}> unknown")
    with listening() as written:
        for each in (good, bad):
            await office.invitations.changed(each)
        await office.deliver()

    lines = written.getvalue()
    logged = [json.loads(line) for line in lines.splitlines()]
    assert {each["state"] for each in logged} == {"accepted", "failed"}
    subject = office.mails(email_of(good))[0]["Subject"]
    for hidden in (email_of(good), email_of(bad), subject, "/v/", "Testi-Patient"):
        assert hidden not in lines


def test_what_is_personal_does_not_print(office: Office) -> None:
    booked = booking()
    assert email_of(booked) not in repr(booked)
    assert "@example.test" not in repr(office.invitations)
