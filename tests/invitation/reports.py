"""Reports as mail servers write them; the addresses in them are nobody's."""

import re
from uuid import UUID

HOME = "bounces@visit.test"
HOST = "visit.test"


def postfix(
    delivery_id: UUID | None,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <nobody@example.test>: Recipient address rejected",
    envelope_id: str = "",
) -> bytes:
    """As Postfix 3.7 writes it, with the head of the message returned."""
    envelope = f"Original-Envelope-Id: {envelope_id}\n" if envelope_id else ""
    message_id = f"Message-ID: <{delivery_id}@{HOST}>\n" if delivery_id else ""
    return crlf(
        """\
        Return-Path: <>
        From: MAILER-DAEMON@mail.visit.test (Mail Delivery System)
        Subject: Undelivered Mail Returned to Sender
        To: somebody@visit.test
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status;
         boundary="ABC/mail"

        --ABC/mail
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        This is the mail system at host mail.visit.test.

        --ABC/mail
        Content-Description: Delivery report
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mail.visit.test
        """
        + envelope
        + f"""\
        X-Postfix-Queue-ID: ABC
        Arrival-Date: Fri, 20 Nov 2026 12:00:00 +0200 (EET)

        Final-Recipient: rfc822; nobody@example.test
        Original-Recipient: rfc822;nobody@example.test
        Action: {action}
        Status: {status}
        Remote-MTA: dns; mx.example.test
        Diagnostic-Code: {diagnostic}

        --ABC/mail
        Content-Description: Undelivered Message Headers
        Content-Type: text/rfc822-headers

        From: Testi <t@visit.test>
        """
        + message_id
        + """\
        Subject: Testi

        --ABC/mail--
        """
    )


def exchange(delivery_id: UUID) -> bytes:
    """As Exchange writes it: the message returned whole, no diagnostic of another."""
    return crlf(
        f"""\
        From: <postmaster@example.test>
        To: <bounces@visit.test>
        Subject: Undeliverable: Testi
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

        --b1
        Content-Type: multipart/alternative; boundary="b2"

        --b2
        Content-Type: text/plain; charset="utf-8"

        The mailbox is full.
        --b2--

        --b1
        Content-Type: message/delivery-status

        Reporting-MTA: dns;mail.example.test

        Final-Recipient: rfc822;nobody@example.test
        Action: failed
        Status: 5.2.2
        X-Display-Name: Testi-Patient

        --b1
        Content-Type: message/rfc822

        From: Testi <t@visit.test>
        Message-ID: <{delivery_id}@{HOST}>
        Content-Type: text/plain

        Testi
        --b1--
        """
    )


def in_any_alphabet(delivery_id: UUID) -> bytes:
    """RFC 6533."""
    return crlf(
        f"""\
        From: <postmaster@example.test>
        To: <bounces@visit.test>
        Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

        --b1
        Content-Type: text/plain

        No.
        --b1
        Content-Type: message/global-delivery-status

        Reporting-MTA: dns;mail.example.test

        Final-Recipient: utf-8;\u00e5sa@example.test
        Action: failed
        Status: 5.1.1

        --b1
        Content-Type: message/global-headers

        Message-ID: <{delivery_id}@{HOST}>
        --b1--
        """
    )


def complaint(delivery_id: UUID) -> bytes:
    """RFC 5965: the reader has pressed "this is spam"."""
    return crlf(
        f"""\
        From: <abuse@example.test>
        To: <bounces+{delivery_id.hex}@visit.test>
        Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

        --b1
        Content-Type: text/plain

        Spam.
        --b1
        Content-Type: message/feedback-report

        Feedback-Type: abuse
        User-Agent: Testi/1
        Version: 1

        --b1
        Content-Type: message/rfc822

        Message-ID: <{delivery_id}@{HOST}>

        Testi
        --b1--
        """
    )


def holiday(delivery_id: UUID) -> bytes:
    """A machine answers for somebody who is away."""
    return crlf(
        f"""\
        From: <testi-patient@example.test>
        To: <bounces+{delivery_id.hex}@visit.test>
        Subject: Away. 550 5.1.1 Action: failed
        Auto-Submitted: auto-replied
        In-Reply-To: <{delivery_id}@{HOST}>
        Content-Type: text/plain

        Action: failed
        Status: 5.1.1
        """
    )


def crlf(text: str) -> bytes:
    """Without the margin that it has on this page."""
    return re.sub(r"(?m)^ {8}", "", text).replace("\n", "\r\n").encode()
