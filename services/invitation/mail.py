"""An e-mail as it travels: the letter, the calendar entry and the head around them.

All of it that is the same for everybody is written, and encoded, once at the start.
"""

from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from html import escape
from urllib.parse import urlsplit

from pydantic import SecretStr

from chassis.smtp import Mail, NotAnAddress, mail_address
from contract.booking import Language, Texts, Unit
from services.invitation.calendar import Entries, file_name, method
from services.invitation.domain import Appointment, Delivery, Recipient, Times
from services.invitation.form import SHORTLY, WITH_ENTRY, Form, Key, Wording
from services.invitation.letter import Letter, LetterWriter
from services.invitation.link import Links
from services.invitation.skeleton import Skeleton
from services.invitation.words import Words

# No encoded part has such a line: `=` is an escape in the one, and no letter in the other.
LETTER, WHOLE = "=_letter", "=_whole"

# Auto-Submitted (RFC 3834): no machine answers. X-Auto-Response-Suppress: nor Exchange.
# References: all that is said of one appointment stands together, newest last.
HEAD = """\
To: [[to]]
Subject: [[subject]]
Date: [[date]]
Message-ID: <[[id]]@[[host]]>
References: <[[thread]]@[[host]]>
Auto-Submitted: auto-generated
X-Auto-Response-Suppress: All
MIME-Version: 1.0
"""
BODY = """\
Content-Type: text/{subtype}; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

"""
ENTRY = """\
Content-Type: text/calendar; charset="utf-8"; method="{method}"
Content-Transfer-Encoding: base64

[[entry]]"""
FILE = """\
Content-Type: application/ics; name="{name}"
Content-Disposition: attachment; filename="{name}"
Content-Transfer-Encoding: base64

[[entry]]"""

Sign = Callable[[bytes], bytes]

PROBED_AT = datetime(2030, 1, 2, 10, tzinfo=UTC)


class Unwritable(Exception):
    """Of what this e-mail is about, something cannot be put into an e-mail.

    Others can be written: the same one about a plain appointment has been.
    """


class Desk:
    """Where mails are written. `mail_from` as `Name <name@example.fi>`."""

    def __init__(
        self,
        links: Links,
        letters: LetterWriter,
        words: Mapping[Language, Words],
        mail_from: str,
        sign: Sign = bytes,
    ) -> None:
        self._links = links
        self._letters = letters
        self._sign = sign
        name, self._address = parseaddr(mail_from)
        self._host = host_of(links.origin)
        self._entries = Entries(words, self._host, self._address)
        sender = _sender(Address(name, addr_spec=self._address))
        self._envelopes = {
            key: _lines(sender) + _envelope(key, form, words[key.language])
            for key, form in letters.forms.items()
        }

    def write(self, appointment: Appointment, delivery: Delivery) -> Mail:
        """Written twice, it is the same mail.

        Raises `NotAnAddress` and `Unwritable`, which are about this one alone, and
        whatever it is when no e-mail of the kind can be written.
        """
        try:
            return self._written(appointment, delivery)
        except NotAnAddress:
            raise
        except Exception as error:
            self._written(*_plain(appointment, delivery))
            raise Unwritable from error

    def _written(self, appointment: Appointment, delivery: Delivery) -> Mail:
        recipient, times = appointment.known()
        link = self._links.address(
            appointment.appointment_id,
            recipient.email,
            recipient.language,
            recipient.role,
        ).get_secret_value()
        address = mail_address(recipient.email.get_secret_value())
        before = times.starts_at - delivery.wanted_at
        minutes = delivery.minutes or 0
        wording = Wording.of(delivery.kind, before, minutes)
        letter = self._letters.write(appointment, wording, link, minutes=minutes)
        gaps = {**letter.gaps, **self._head(letter, delivery, address)}
        if wording in WITH_ENTRY:
            entry = self._entries.write(
                appointment, letter.key, link, delivery.wanted_at
            )
            gaps["entry"] = _base64(entry)
        content = self._envelopes[letter.key].filled(gaps).encode()
        return Mail(self._address, address.addr_spec, self._sign(content))

    def _head(
        self, letter: Letter, delivery: Delivery, address: Address
    ) -> Mapping[str, str]:
        thread = sha256(f"thread {delivery.link_digest}".encode()).hexdigest()
        return {
            "to": address.addr_spec,
            "subject": _header("Subject", letter.subject),
            "date": format_datetime(delivery.wanted_at),
            "id": str(delivery.delivery_id),
            "thread": thread[:32],
            "host": self._host,
        }


def _plain(
    appointment: Appointment, delivery: Delivery
) -> tuple[Appointment, Delivery]:
    """An appointment that nothing is wrong with, of which the same is to be said."""
    recipient, times = appointment.known()
    is_soon = times.starts_at - delivery.wanted_at < SHORTLY
    starts_at = PROBED_AT + (timedelta(hours=1) if is_soon else timedelta(days=1))
    plain = Appointment(
        "plain",
        recipient=Recipient(
            Unit(id="plain", name=Texts(sv="Plain", fi="Plain", en="Plain")),
            SecretStr("plain@example.invalid"),
            recipient.language,
            recipient.role,
        ),
        times=Times(starts_at, starts_at + timedelta(minutes=30)),
    )
    return plain, replace(delivery, wanted_at=PROBED_AT)


def _envelope(key: Key, form: Form, words: Words) -> Skeleton:
    """Text, HTML and entry as alternatives, and the entry as a file: some calendars
    take only the one, some only the other, and the UID makes them one."""
    bodies = [
        _lines(BODY.format(subtype="plain")) + _quoted(form.text),
        _lines(BODY.format(subtype="html")) + _quoted(form.html, escape),
    ]
    if key.wording not in WITH_ENTRY:
        content = _multipart("alternative", LETTER, bodies)
    else:
        bodies.append(_lines(ENTRY.format(method=method(key.wording))))
        file = _lines(FILE.format(name=file_name(words)))
        content = _multipart(
            "mixed", WHOLE, [_multipart("alternative", LETTER, bodies), file]
        )
    return _lines(f"{HEAD}Content-Language: {key.language}\n") + content


def _multipart(subtype: str, boundary: str, parts: list[Skeleton]) -> Skeleton:
    whole = _lines(f'Content-Type: multipart/{subtype}; boundary="{boundary}"\n')
    for each in parts:
        whole += _lines(f"\n--{boundary}\n") + each
    return whole + _lines(f"\n--{boundary}--\n")


def _lines(text: str) -> Skeleton:
    return Skeleton.of(text, fixed=lambda each: each.replace("\n", "\r\n"))


def _quoted(text: str, safe: Callable[[str], str] = str) -> Skeleton:
    return Skeleton.of(text, quoted, lambda each: quoted(safe(each)))


def quoted(text: str) -> str:
    """Quoted-printable (RFC 2045, 6.7) that more may follow on a line of its own."""
    lines = b2a_qp(text.encode(), istext=True).decode().replace("\n", "\r\n")
    return lines if not lines or lines.endswith("\n") else f"{lines}=\r\n"


def _base64(text: str) -> str:
    return encodebytes(text.encode()).decode().replace("\n", "\r\n")


def _header(name: str, text: str) -> str:
    if text.isascii():
        return text
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def _sender(address: Address) -> str:
    message = EmailMessage(SMTP)
    message["From"] = address
    folded: str = SMTP.fold("From", message["From"])
    return folded.replace("\r\n", "\n")


def host_of(origin: str) -> str:
    """What stands behind the @ of our Message-IDs."""
    return urlsplit(origin).hostname or "localhost"
