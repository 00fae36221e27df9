"""An e-mail as it travels: the letter, the calendar entry and the head around them."""

from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr
from urllib.parse import urlsplit

from chassis.smtp import Mail, mail_address
from contract.booking import Language
from services.invitation import calendar
from services.invitation.domain import Appointment, Delivery
from services.invitation.letter import Letter, LetterWriter
from services.invitation.link import Links
from services.invitation.words import Words


class Desk:
    """Where mails are written. `mail_from` as `Name <name@example.fi>`."""

    def __init__(
        self,
        links: Links,
        letters: LetterWriter,
        words: Mapping[Language, Words],
        mail_from: str,
    ) -> None:
        self._links = links
        self._letters = letters
        self._words = words
        name, self._address = parseaddr(mail_from)
        self._sender = Address(name, addr_spec=self._address)
        self._host = host_of(links.origin)

    def write(self, appointment: Appointment, delivery: Delivery) -> Mail:
        """Raises `NotAnAddress`. Written twice, it is the same mail."""
        recipient, _ = appointment.known()
        link = self._links.address(
            appointment.appointment_id,
            recipient.email,
            recipient.language,
            recipient.role,
        ).get_secret_value()
        address = mail_address(recipient.email.get_secret_value())
        letter = self._letters.write(appointment, delivery.kind, link)
        message = EmailMessage(SMTP if address.addr_spec.isascii() else SMTPUTF8)
        self._head(message, letter, delivery, address)
        self._fill(message, letter, appointment, delivery, link)
        message["Content-Language"] = recipient.language
        return Mail(self._address, address.addr_spec, message.as_bytes())

    def _head(
        self,
        message: EmailMessage,
        letter: Letter,
        delivery: Delivery,
        address: Address,
    ) -> None:
        message["From"] = self._sender
        message["To"] = address
        message["Subject"] = letter.subject
        message["Date"] = delivery.created_at
        message["Message-ID"] = f"<{delivery.delivery_id}@{self._host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers
        message["X-Auto-Response-Suppress"] = "All"  # the same, to Exchange

    def _fill(
        self,
        message: EmailMessage,
        letter: Letter,
        appointment: Appointment,
        delivery: Delivery,
        link: str,
    ) -> None:
        """Text, HTML and entry as alternatives, and the entry as a file: some calendars
        take only the one, some only the other, and the UID makes them one."""
        recipient, _ = appointment.known()
        words = self._words[recipient.language]
        method = calendar.method(delivery.kind)
        entry = calendar.entry(
            appointment,
            delivery.kind,
            words,
            link=link,
            host=self._host,
            sender=self._address,
            written_at=delivery.created_at,
        )
        message.set_content(letter.text, cte="quoted-printable")
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        message.add_alternative(
            entry.decode(), subtype="calendar", cte="base64", params={"method": method}
        )
        message.add_attachment(
            entry, "application", "ics", filename=calendar.file_name(words)
        )


def host_of(origin: str) -> str:
    """What stands behind the @ of our Message-IDs."""
    return urlsplit(origin).hostname or "localhost"
