"""The mail server, as we speak to it: one connection, used again while there is mail.

What a server answers becomes one of our own words in one place, `outcome`.
Sources: RFC 5321 (replies), RFC 3463 (enhanced status codes).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from ssl import SSLError
from typing import Annotated, Any, Self
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
)
from aiosmtplib.email import parse_address
from pydantic import AfterValidator, Field, SecretStr, model_validator

from chassis.outcome import Accepted, Cause, Never, NotNow, Outcome, Reason
from chassis.settings import Settings

CONNECT_SECONDS = 15.0
SEND_SECONDS = 45.0  # together well within the lease of a delivery
ANSWER_SECONDS = 20.0
PORTS = {"smtp": 25, "smtps": 465}
PERMANENT = 500
CLOSING = 421

# How we come, and not the message: somebody is mending that. 530 to 538 speak of our
# login; 5.7.20 to 5.7.27 of our signature, our names and who may send for us (RFC 7372).
OURS_TO_MEND = ("530", "534", "535", "538")
OUR_STATUSES = re.compile(r"[45]\.7\.2[0-7]")

# The enhanced code when there is one, else the plain one (a prefix of either is enough).
REASONS = (
    ("4.2.2", Reason.MAILBOX_FULL),
    ("4", Reason.NO_ANSWER),  # whoever reports it has tried for long enough
    ("5.1.", Reason.ADDRESS_REFUSED),
    ("5.2.2", Reason.MAILBOX_FULL),
    ("5.2.3", Reason.MESSAGE_REFUSED),  # too long for this mailbox
    ("5.2.", Reason.ADDRESS_REFUSED),
    ("5.4.7", Reason.NO_ANSWER),
    ("5.4.", Reason.ADDRESS_REFUSED),  # no way leads to its domain
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
    except Exception:  # noqa: BLE001 - the parser fails in many ways
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


class ConversationFailed(Exception):
    """Our side of the conversation failed, and no mail server or network did.

    `doubt`: the server may have the message.
    """

    def __init__(self, *, doubt: bool) -> None:
        super().__init__("The conversation with the mail server failed.")
        self.doubt = doubt


StillWanted = Callable[[], Awaitable[bool]]
"""Asked when the server is ready for the message. It does not raise."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail server is given. `recipient` is where it goes, `sender` whence.

    `reference` comes back in reports, if the server knows of such (RFC 3461, ENVID).
    """

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    reference: str | None = None


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

    def client(self) -> "Client":
        return Client(
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


async def _always() -> bool:
    return True


class Unwanted(Exception):
    """The message is not to be sent after all."""


class Client(SMTP):
    """One that knows whether the server may have the message it has not answered for.

    It asks before it lets go of a message: an answer to what comes before may take long.
    """

    in_doubt = False
    still_wanted: StillWanted = staticmethod(_always)

    async def data(self, *args: Any, **kwargs: Any) -> SMTPResponse:
        if not await self.still_wanted():
            raise Unwanted
        self.in_doubt = True
        try:
            return await super().data(*args, **kwargs)
        except SMTPResponseException:
            self.in_doubt = False
            raise


class Gone(Exception):
    """The connection ended before there was a message on it."""


class Connection:
    """One connection, opened when there is something to send. Not for two at a time."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: Client | None = None

    async def hand_over(
        self, mail: Mail, still_wanted: StillWanted = _always
    ) -> Outcome:
        """Never raises for what a server or a network can do.

        Raises `ConversationFailed` for anything else, and starts afresh the next time.
        """
        if not _is_sendable(mail.recipient):
            return Never(Reason.ADDRESS_REFUSED)
        was_open = self._client is not None
        try:
            return await self._conversation(mail, still_wanted)
        except Gone:
            if not was_open:
                return NotNow(cause=Cause.AWAY)
        # It rested too long, or had carried enough: that says nothing of this message.
        try:
            return await self._conversation(mail, still_wanted)
        except Gone:
            return NotNow(cause=Cause.AWAY)

    async def hang_up(self) -> None:
        """Politely if the server listens; it does not keep us."""
        client, self._client = self._client, None
        if client is None:
            return
        with suppress(Exception):  # whatever the library makes of it, we go
            if client.is_connected:
                await client.quit(timeout=1)
        with suppress(Exception):
            client.close()

    async def _conversation(self, mail: Mail, still_wanted: StillWanted) -> Outcome:
        try:
            return await self._hand_over(mail, still_wanted)
        except Gone:
            raise
        except Unwanted:
            await self.hang_up()  # amid an envelope that is not to be finished
            return NotNow(cause=Cause.UNTRUE)
        except Exception as error:
            doubt = self._client is not None and self._client.in_doubt
            await self.hang_up()
            raise ConversationFailed(doubt=doubt) from error

    async def _hand_over(self, mail: Mail, still_wanted: StillWanted) -> Outcome:
        try:
            client = await self._connected()
        except (SMTPAuthenticationError, SMTPNotSupported, SSLError):
            await self.hang_up()
            return NotNow(cause=Cause.OURS)
        except (SMTPException, OSError):
            await self.hang_up()
            raise Gone from None
        client.still_wanted = still_wanted
        try:
            await self._say(client, mail)
        except SMTPNotSupported:  # letters that it cannot take
            return Never(Reason.ADDRESS_REFUSED)
        except SMTPRecipientsRefused as refused:
            return await self._answered(refused.recipients[0])
        except SMTPResponseException as answer:
            return await self._answered(answer)
        except (SMTPException, OSError):  # TimeoutError is one
            await self.hang_up()
            if client.in_doubt:
                return NotNow(doubt=True, cause=Cause.AWAY)
            raise Gone from None
        return Accepted()

    async def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected:
            self._client = self._server.client()
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._client.connect()
                if self._client.is_ehlo_or_helo_needed:
                    with suppress(SMTPHeloError):  # an old one is greeted as such later
                        await self._client.ehlo()
        return self._client

    async def _say(self, client: Client, mail: Mail) -> None:
        client.in_doubt = False
        knows_reports = client.supports_extension("dsn")
        async with asyncio.timeout(SEND_SECONDS):
            await client.sendmail(
                mail.sender,
                [mail.recipient],
                mail.content,
                mail_options=[
                    *_alphabet(mail.recipient),
                    *(_wanted_back(mail) if knows_reports else ()),
                ],
                rcpt_options=["NOTIFY=FAILURE"] if knows_reports else [],
            )

    async def _answered(self, answer: SMTPResponseException) -> Outcome:
        is_about_us = isinstance(answer, SMTPSenderRefused)  # nobody is named yet
        if answer.code == CLOSING:
            await self.hang_up()
            if is_about_us:
                raise Gone
        result = outcome(answer.code, answer.message)
        is_ours = is_about_us and isinstance(result, Never)
        return NotNow(cause=Cause.OURS) if is_ours else result


def mail_address(text: str) -> Address:
    """Raises `NotAnAddress`."""
    local, _, domain = text.strip().rpartition("@")
    if not text.strip().isprintable():
        raise NotAnAddress
    try:
        host = domain.encode("idna").decode()  # a mail server need not know the letters
        if local.isascii():
            return Address(addr_spec=f"{local}@{host}")
        return Address(username=local, domain=host)
    except Exception:  # noqa: BLE001 - the parser fails in every way on what people type
        raise NotAnAddress from None


def outcome(code: int, text: str) -> Outcome:
    """What a refusal means: try later, or never again and why."""
    enhanced = re.match(rf"{code // 100}\.\d{{1,3}}\.\d{{1,3}}\b", text.strip())
    known = enhanced.group() if enhanced else str(code)
    if str(code) in OURS_TO_MEND or OUR_STATUSES.fullmatch(known):
        return NotNow(cause=Cause.OURS)
    if code >= PERMANENT:
        return Never(reason_of(known))
    is_too_much = code == CLOSING or known.startswith("4.7.")
    return NotNow(cause=Cause.SLOWER if is_too_much else Cause.LATER)


def reason_of(code: str) -> Reason:
    """Of a final refusal; `code` as 5.1.1, or 550 when nothing better is known."""
    return next(reason for start, reason in REASONS if code.startswith(start))


def _is_sendable(recipient: str) -> bool:
    """Not if the library would write to another address than this."""
    try:
        return parse_address(recipient).encode() == recipient.encode()
    except ValueError:  # a line break, or half a character
        return False


def _alphabet(recipient: str) -> Sequence[str]:
    return () if recipient.isascii() else ("SMTPUTF8", "BODY=8BITMIME")


def _wanted_back(mail: Mail) -> Sequence[str]:
    """Of a message that fails its head alone: what it says need not travel back."""
    return ("RET=HDRS", *((f"ENVID={mail.reference}",) if mail.reference else ()))
