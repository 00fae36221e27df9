"""What comes back: read, matched to its delivery, and said; a wrong one changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from aiosmtplib import SMTP, SMTPResponseException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from chassis.database import Database
from chassis.logs import log
from chassis.outcome import Accepted, Reason
from contract.booking import AppointmentBooked
from services.invitation.bounce import Reader, Report, Verdict
from services.invitation.domain import Delivery
from services.invitation.due import gets_through
from services.invitation.letterbox import SESSIONS
from tests.invitation import reports
from tests.invitation.office import (
    HOME,
    Office,
    booking,
    cancelled,
    email_of,
    letterbox,
    moved,
)
from tests.logbook import listening

READER = Reader(HOME, "visit.test")
ONE = UUID("4b5f9a52-0d7c-4b4f-9c8e-0d2f3a4b5c6d")
ANOTHER = UUID("4b5f9a52-0d7c-4b4f-9c8e-0d2f3a4b5c6e")


async def sent(office: Office, **changes: object) -> tuple[AppointmentBooked, Delivery]:
    booked = await office.book(**changes)
    await office.deliver()
    (delivery,) = await office.deliveries(booked.appointment_id)
    return booked, delivery


async def failures(office: Office, booked: AppointmentBooked) -> list[str]:
    return [
        said["reason"]
        for topic, said in await office.said(booked.appointment_id)
        if topic == "invitation.failed"
    ]


def of(delivery: Delivery) -> str:
    return HOME.of(delivery.delivery_id)


@pytest.mark.parametrize(
    ("raw", "came_to"),
    [
        (reports.postfix(None), HOME.of(ONE)),
        (reports.postfix(ONE), None),
        (reports.postfix(None, envelope_id=ONE.hex), "bounces@visit.test"),
        (reports.postfix(ONE, envelope_id=ONE.hex), HOME.of(ONE).upper()),
        (reports.postfix(None).replace(b"To: somebody@visit.test", f"Delivered-To: {HOME.of(ONE)}".encode()), None),
        (reports.postfix(ONE, action="Failed (final)"), None),
        (reports.postfix(ONE, action="error"), None),
        (reports.in_any_alphabet(ONE), None),
    ],
)  # fmt: skip
def test_a_report_names_its_delivery_in_any_of_three_ways(
    raw: bytes, came_to: str | None
) -> None:
    assert READER.read(raw, came_to) == Report(
        Verdict.FAILED, ONE, Reason.ADDRESS_REFUSED
    )


def test_a_report_that_returns_the_whole_message_is_read_too() -> None:
    read = READER.read(reports.exchange(ONE))
    assert read == Report(Verdict.FAILED, ONE, Reason.MAILBOX_FULL)


@pytest.mark.parametrize(
    ("status", "diagnostic", "reason"),
    [
        ("5.1.1", "", Reason.ADDRESS_REFUSED),
        ("5.1.2 (bad destination)", "", Reason.ADDRESS_REFUSED),
        ("5.4.4", "", Reason.ADDRESS_REFUSED),
        ("5.2.2", "", Reason.MAILBOX_FULL),
        ("4.2.2", "", Reason.MAILBOX_FULL),
        ("5.2.3", "", Reason.MESSAGE_REFUSED),
        ("5.7.1", "", Reason.MESSAGE_REFUSED),
        ("4.4.7", "", Reason.NO_ANSWER),
        ("5.0.0", "smtp; 550 5.2.2 full", Reason.MAILBOX_FULL),
        ("5.0.0", "smtp; 550 no such user", Reason.ADDRESS_REFUSED),
        ("5.0.0", "", Reason.MESSAGE_REFUSED),
        ("", "x-unix; no", Reason.MESSAGE_REFUSED),
    ],
)
def test_a_status_becomes_a_reason_in_our_words(
    status: str, diagnostic: str, reason: Reason
) -> None:
    raw = reports.postfix(ONE, status=status, diagnostic=diagnostic)
    assert READER.read(raw).reason is reason


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (reports.postfix(ONE, action="delayed", status="4.4.1"), Verdict.DELAYED),
        (reports.postfix(ONE, action="relayed", status="2.0.0"), Verdict.DELIVERED),
        (reports.complaint(ONE), Verdict.COMPLAINT),
        (reports.holiday(ONE), Verdict.NO_REPORT),
        (b"", Verdict.NO_REPORT),
        (b"\xff\xfe\x00", Verdict.NO_REPORT),
    ],
)
def test_what_is_no_failure_is_told_from_one(raw: bytes, verdict: Verdict) -> None:
    assert READER.read(raw, HOME.of(ONE)).verdict is verdict


def test_a_report_that_names_two_deliveries_is_about_neither() -> None:
    read = READER.read(reports.postfix(ONE), HOME.of(ANOTHER))
    assert read.delivery_id is None


def test_a_message_id_of_another_house_is_not_ours() -> None:
    stranger = Reader(HOME, "other.test")
    assert stranger.read(reports.postfix(ONE)).delivery_id is None


def test_a_report_about_a_report_is_not_about_its_inside() -> None:
    inside = reports.postfix(ONE)
    outside = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + inside + b"\r\n--o--\r\n"
    )
    assert READER.read(outside).verdict is Verdict.NO_REPORT


def test_what_is_written_to_break_a_parser_is_no_report() -> None:
    deep = b"Content-Type: message/rfc822\r\n\r\n" * 20_000
    assert READER.read(deep, HOME.of(ONE)).verdict is Verdict.NO_REPORT


@given(st.binary(max_size=400), st.integers(0, 1500), st.text(max_size=40))
def test_no_bytes_make_the_reader_fall(some: bytes, at: int, came_to: str) -> None:
    whole = reports.postfix(ONE)
    READER.read(whole[:at] + some + whole[at:], came_to)


async def test_an_e_mail_leaves_with_an_address_of_its_own_to_come_back_to(
    office: Office,
) -> None:
    _, delivery = await sent(office)
    (mail,) = office.mailbox.mails
    assert mail.message["Return-Path"] == f"<{of(delivery)}>"
    assert HOME.delivery(of(delivery)) == delivery.delivery_id


async def test_what_comes_back_makes_an_accepted_e_mail_a_failed_one(
    office: Office,
) -> None:
    booked, delivery = await sent(office)
    await office.returns.take(reports.postfix(None), of(delivery))

    assert await office.states(booked.appointment_id) == [("invitation", "failed")]
    assert await failures(office, booked) == ["address_refused"]


async def test_the_same_report_twice_is_said_once(office: Office) -> None:
    booked, delivery = await sent(office)
    for _ in range(3):
        await office.returns.take(reports.postfix(None), of(delivery))

    assert await failures(office, booked) == ["address_refused"]


@pytest.mark.parametrize("make", [reports.complaint, reports.holiday])
async def test_an_answer_by_a_machine_or_a_complaint_changes_nothing(
    office: Office, make: object
) -> None:
    booked, delivery = await sent(office)
    assert callable(make)
    await office.returns.take(make(delivery.delivery_id), of(delivery))
    late = reports.postfix(delivery.delivery_id, action="delayed", status="4.4.1")
    await office.returns.take(late, of(delivery))

    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_a_report_on_what_we_never_sent_changes_nothing(office: Office) -> None:
    booked = await office.book()
    (queued,) = await office.deliveries(booked.appointment_id)
    for delivery_id in (uuid4(), queued.delivery_id):  # unknown, and not sent yet
        await office.returns.told(delivery_id, Reason.ADDRESS_REFUSED)
    await office.deliver()

    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_a_report_that_comes_weeks_later_changes_nothing(office: Office) -> None:
    booked, delivery = await sent(office)
    office.clock.forward(days=8)
    await office.returns.take(reports.postfix(None), of(delivery))

    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


async def test_a_report_may_come_before_the_hand_over_is_written_down(
    office: Office,
) -> None:
    """The next server refused at once, and our database was slow, or we fell."""
    booked = await office.book()
    claimed = await office.claim()
    assert claimed is not None
    await office.returns.take(reports.postfix(None), of(claimed.delivery))
    assert await office.invitations.settle(claimed, Accepted()) is None

    assert await office.states(booked.appointment_id) == [("invitation", "failed")]
    assert await failures(office, booked) == ["address_refused"]


async def test_who_was_not_reached_gets_an_invitation_after_a_move(
    office: Office,
) -> None:
    booked, delivery = await sent(office)
    await office.returns.take(reports.postfix(None), of(delivery))
    await office.invitations.changed(moved(booked, 1, hours=1))
    await office.deliver()

    assert await office.states(booked.appointment_id) == [
        ("invitation", "failed"),
        ("invitation", "accepted"),  # news are tried, also at an address that failed
    ]


async def test_who_was_not_reached_hears_of_no_cancellation(office: Office) -> None:
    booked, delivery = await sent(office)
    await office.returns.take(reports.postfix(None), of(delivery))
    await office.invitations.changed(cancelled(booked, 1))

    assert await office.states(booked.appointment_id) == [("invitation", "failed")]


async def test_a_failed_invitation_to_what_is_cancelled_is_kept_and_not_said(
    office: Office,
) -> None:
    booked, invitation = await sent(office)
    await office.invitations.changed(cancelled(booked, 1))
    await office.deliver()
    await office.returns.take(reports.postfix(None), of(invitation))
    assert await failures(office, booked) == []

    _, cancellation = await office.deliveries(booked.appointment_id)
    await office.returns.take(reports.postfix(None), of(cancellation))
    assert await failures(office, booked) == ["address_refused"]


async def test_what_comes_back_from_an_address_that_was_corrected_is_not_said(
    office: Office,
) -> None:
    booked, wrong = await sent(office)
    patient = {"name": "Testi", "email": f"new-{email_of(booked)}", "language": "sv"}
    await office.invitations.changed(
        booking(appointment_id=booked.appointment_id, sequence=1, patient=patient)
    )
    await office.deliver()
    await office.returns.take(reports.postfix(None), of(wrong))

    assert await failures(office, booked) == []
    assert ("invitation", "failed") in await office.states(booked.appointment_id)


async def test_nobody_is_reminded_at_an_address_that_is_dead(office: Office) -> None:
    booked, delivery = await sent(office)
    theirs = delivery.recipient
    assert gets_through([delivery], theirs)
    await office.returns.take(reports.postfix(None), of(delivery))
    assert not gets_through(await office.deliveries(booked.appointment_id), theirs)
    assert gets_through(await office.deliveries(booked.appointment_id), "another")


@asynccontextmanager
async def speaking(port: int) -> AsyncIterator[SMTP]:
    client = SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=10)
    await client.connect()
    yield client
    client.close()


async def test_a_mail_server_puts_a_report_into_the_letterbox(office: Office) -> None:
    booked, delivery = await sent(office)
    async with letterbox(office) as port, speaking(port) as client:
        await client.sendmail("", [of(delivery)], reports.postfix(None))

    assert await failures(office, booked) == ["address_refused"]


async def test_the_letterbox_speaks_lmtp(office: Office) -> None:
    booked, delivery = await sent(office)
    async with letterbox(office) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = [await reader.readline()]
        for line in (
            "LHLO mail.visit.test",
            "MAIL FROM:<>",
            f"RCPT TO:<{of(delivery)}>",
            "DATA",
            reports.postfix(None).decode() + ".",
            "QUIT",
        ):
            writer.write(f"{line}\r\n".encode())
            said.append(await reader.readline())
            while said[-1][3:4] == b"-":
                said.append(await reader.readline())
        writer.close()

    assert [line[:3] for line in said if line[3:4] == b" "] == [
        *(b"220", b"250", b"250", b"250", b"354", b"250", b"221"),
    ]
    assert await failures(office, booked) == ["address_refused"]


async def test_the_letterbox_is_nobody_elses(office: Office) -> None:
    async with letterbox(office) as port, speaking(port) as client:
        await client.ehlo()
        for stranger in ("t@visit.test", "bounces+x@visit.test", "bounces@other.test"):
            await client.mail("")
            with pytest.raises(SMTPResponseException, match=r"5\.1\.1"):
                await client.rcpt(stranger)
            await client.rset()


async def test_while_the_database_is_away_the_report_is_to_come_again(
    office: Office,
) -> None:
    _, delivery = await sent(office)
    away = Database(SecretStr("postgresql://nobody@127.0.0.1:1/none"), "invitation")
    office.returns = replace(office.returns, database=away)
    async with letterbox(office) as port, speaking(port) as client:
        with pytest.raises(SMTPResponseException) as later:
            await client.sendmail("", [of(delivery)], reports.postfix(None))
    assert later.value.code == 451


async def test_the_letterbox_is_full_at_some_number_and_opens_again(
    office: Office,
) -> None:
    async with letterbox(office) as port:
        held = [
            await asyncio.open_connection("127.0.0.1", port)
            for _ in range(SESSIONS + 1)
        ]
        said = [(await reader.readline())[:3] for reader, _ in held]
        assert said[-1] == b"421"
        for _, each in held:
            each.close()
            await each.wait_closed()
        async with asyncio.timeout(10):
            while True:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                answer = await reader.readline()
                writer.close()
                if answer[:3] == b"220":
                    break


async def test_no_log_line_about_a_report_has_an_address(office: Office) -> None:
    _, delivery = await sent(office)
    with listening() as lines:
        returns = replace(office.returns, log=log("invitation"))
        await returns.take(reports.postfix(None), of(delivery))
        await returns.take(reports.holiday(delivery.delivery_id), of(delivery))
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    verdicts = [each["verdict"] for each in logged if "verdict" in each]
    assert verdicts == ["failed", "no_report"]
    assert "@" not in lines.getvalue()
