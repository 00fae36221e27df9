"""What the invitation service is told."""

from datetime import timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from chassis.settings import Settings as Common

MIN_SECRET = 32


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


class Settings(Common):
    session_keys_url: str = Field(description="Identity's key set for sessions.")
    link_secret: SecretStr = Field(
        min_length=MIN_SECRET,
        description="Key of the links, 32 characters or more. "
        "A new one makes all links sent before worthless.",
    )
    link_lifetime: timedelta = Field(
        timedelta(hours=24), description="How long a link opens after the end."
    )
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
    mail_try_for: timedelta = Field(
        timedelta(hours=24),
        description="How long a mail server in trouble is tried for one message.",
    )
    keep_appointments: timedelta = Field(
        timedelta(days=14),
        ge=timedelta(days=6),  # longer than a booking is kept in Kafka
        description="How long the address is kept after the appointment.",
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
