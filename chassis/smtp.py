"""The mail server, as we speak to it: one connection, used again while there is mail.

What a server answers becomes one of our own words in one place, `outcome`.
Sources: RFC 5321 (replies), RFC 3463 (enhanced status codes).
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from pydantic import AfterValidator, Field, SecretStr, model_validator

from chassis.outcome import Accepted, Never, NotNow, Outcome, Reason
from chassis.settings import Settings

CONNECT_SECONDS = 15.0
SEND_SECONDS = 45.0  # together well within the lease of a delivery
ANSWER_SECONDS = 20.0
PORTS = {"smtp": 25, "smtps": 465}
PERMANENT = 500
CLOSING = 421

# 530 to 538 speak of our login and not of the message: someone is mending that.
OURS_TO_MEND = frozenset({530, 534, 535, 538})

# The enhanced code when there is one, else the plain one (a prefix of either is enough).
REASONS = (
    ("5.1.", Reason.ADDRESS_REFUSED),
    ("5.2.2", Reason.MAILBOX_FULL),
    ("5.2.", Reason.ADDRESS_REFUSED),
    ("5.", Reason.MESSAGE_REFUSED),
    ("501", Reason.ADDRESS_REFUSED),
    ("550", Reason.ADDRESS_REFUSED),
    ("551", Reason.ADDRESS_REFUSED),
    ("552", Reason.MAILBOX_FULL),
    ("553", Reason.ADDRESS_REFUSED),
    ("556", Reason.ADDRESS_REFUSED),
    ("", Reason.MESSAGE_REFUSED),
)


class Tls(StrEnum):
    """Whether mail goes encrypted to the mail server (`smtps://` always does)."""

    REQUIRED = "required"
    OFFERED = "offered"  # when the server offers it; then its certificate must hold
    NEVER = "never"


def _sender(text: str) -> str:
    name, address = parseaddr(text)
    try:
        Address(name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError):
        raise ValueError("must be an address, as Name <name@example.fi>") from None
    return text


def _mail_server(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("must be smtp://host:port or smtps://host:port")
    if parts.query or parts.path.strip("/"):
        raise ValueError("takes no path and no query; encryption is set by SMTP_TLS")
    return url


class MailSettings(Settings):
    """Of a service that sends mail."""

    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)] = Field(
        description="Mail server, smtp:// or smtps://, with user and password if any."
    )
    smtp_tls: Tls = Field(
        Tls.OFFERED, description="Encryption on smtp://: required, offered or never."
    )
    smtp_connections: int = Field(
        4, ge=1, le=32, description="Connections to the mail server at most."
    )
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        description="Whom the e-mail comes from, as Name <name@example.fi>."
    )

    @model_validator(mode="after")
    def _password_goes_encrypted(self) -> Self:
        parts = urlsplit(self.smtp_url.get_secret_value())
        encrypted = parts.scheme == "smtps" or self.smtp_tls is Tls.REQUIRED
        if parts.username and not encrypted:
            raise ValueError(
                "a password in SMTP_URL needs SMTP_TLS=required or smtps://"
            )
        return self


class NotAnAddress(Exception):
    """No e-mail can go to what somebody gave as an address."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail server is given. `recipient` is where it goes, `sender` whence."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and how."""

    host: str
    port: int
    username: str | None
    password: SecretStr | None
    implicit_tls: bool
    tls: Tls

    @classmethod
    def of(cls, url: SecretStr, tls: Tls) -> Self:
        parts = urlsplit(url.get_secret_value())
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=SecretStr(unquote(parts.password)) if parts.password else None,
            implicit_tls=parts.scheme == "smtps",
            tls=tls,
        )

    def client(self) -> SMTP:
        return SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password.get_secret_value() if self.password else None,
            timeout=ANSWER_SECONDS,
            use_tls=self.implicit_tls,
            start_tls=_start_tls(self.tls),
        )


def _start_tls(tls: Tls) -> bool | None:
    """As aiosmtplib says it: must, must not, or when the server offers it."""
    return {Tls.REQUIRED: True, Tls.NEVER: False, Tls.OFFERED: None}[tls]


class Connection:
    """One connection, opened when there is something to send. Not for two at a time."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: SMTP | None = None

    async def hand_over(self, mail: Mail) -> Outcome:
        """Never raises for what a server or a network can do."""
        try:
            client = await self._connected()
        except (SMTPException, OSError):
            await self.hang_up()
            return NotNow()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await client.sendmail(
                    mail.sender,
                    [mail.recipient],
                    mail.content,
                    mail_options=_options(mail.recipient),
                )
        except (SMTPNotSupported, ValueError):  # letters, or an address, it cannot take
            return Never(Reason.ADDRESS_REFUSED)
        except SMTPRecipientsRefused as refused:
            return await self._answered(refused.recipients[0])
        except SMTPResponseException as answer:
            return await self._answered(answer)
        except (SMTPException, OSError):  # TimeoutError is one
            await self.hang_up()
            return NotNow(doubt=True)
        return Accepted()

    async def hang_up(self) -> None:
        """Politely if the server listens; it does not keep us."""
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(SMTPException, OSError):
            if client.is_connected:
                await client.quit(timeout=1)
        client.close()

    async def _connected(self) -> SMTP:
        if self._client is None or not self._client.is_connected:
            self._client = self._server.client()
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._client.connect()
        return self._client

    async def _answered(self, answer: SMTPResponseException) -> Outcome:
        if answer.code == CLOSING:
            await self.hang_up()
        return outcome(answer.code, answer.message)


def mail_address(text: str) -> Address:
    """Raises `NotAnAddress`."""
    local, _, domain = text.strip().rpartition("@")
    try:
        host = domain.encode("idna").decode()  # a mail server need not know the letters
        if local.isascii():
            return Address(addr_spec=f"{local}@{host}")
        return Address(username=local, domain=host)
    except (ValueError, IndexError, HeaderParseError):
        raise NotAnAddress from None


def outcome(code: int, text: str) -> Outcome:
    """What a refusal means: try later, or never again and why."""
    if code < PERMANENT or code in OURS_TO_MEND:
        return NotNow()
    enhanced = re.match(r"5\.\d{1,3}\.\d{1,3}\b", text.strip())
    known = enhanced.group() if enhanced else str(code)
    return Never(next(reason for start, reason in REASONS if known.startswith(start)))


def _options(recipient: str) -> Sequence[str]:
    return () if recipient.isascii() else ("SMTPUTF8", "BODY=8BITMIME")
