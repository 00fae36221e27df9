"""What the invitation service is told."""

from datetime import time, timedelta
from email.utils import parseaddr
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from chassis.smtp import MailSettings, NotAnAddress, mail_address
from services.invitation.signature import Signer

MIN_SECRET = 32
MAX_PORT = 65536


def _plain_address(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        written = mail_address(text).addr_spec
    except NotAnAddress:
        written = ""
    if written != text or "+" in text or not text.isascii():
        raise ValueError("must be an address, as bounces@example.fi, without a +")
    return text


def _place(text: str | None) -> str | None:
    host, _, port = (text or "").rpartition(":")
    if text is not None and not (host and port.isdecimal() and int(port) < MAX_PORT):
        raise ValueError("must be an address and a port, as 0.0.0.0:8024")
    return text


class Settings(MailSettings):
    session_keys_url: str = Field(description="Identity's key set for sessions.")
    link_secret: SecretStr = Field(
        min_length=MIN_SECRET,
        description="Key of the links, 32 characters or more. "
        "A new one withdraws all links sent before, and everybody is sent another.",
    )
    link_lifetime: timedelta = Field(
        timedelta(hours=24), description="How long a link opens after the end."
    )
    mail_per_domain: int = Field(
        3000,
        ge=1,
        description="E-mails a minute to one domain at most, from one instance; a domain "
        "that asks for fewer gets fewer.",
    )
    mail_try_for: timedelta = Field(
        timedelta(hours=24),
        description="How long a mail server in trouble is tried for one message.",
    )
    dkim_domain: str | None = Field(
        None,
        description="The domain that e-mails are signed for (DKIM), which MAIL_FROM is "
        "in; none are signed unless set.",
    )
    dkim_selector: str | None = Field(
        None,
        description="Under which name the public key stands in the DNS: "
        "<selector>._domainkey.<domain>.",
    )
    dkim_key: SecretStr | None = Field(
        None, description="Key (PEM) that signs: RSA of 2048 bits or more, or Ed25519."
    )
    bounce_address: Annotated[str | None, AfterValidator(_plain_address)] = Field(
        None,
        description="Where e-mails that cannot be delivered come back to, as "
        "bounces@example.fi; each leaves as bounces+<its id>@example.fi. "
        "Without it they come back to MAIL_FROM.",
    )
    bounce_listen: Annotated[str | None, AfterValidator(_place)] = Field(
        None,
        description="Address and port where the county's mail server delivers the mail "
        "of BOUNCE_ADDRESS by LMTP or SMTP, as 0.0.0.0:8024; nowhere unless set.",
    )
    bounce_secret: SecretStr | None = Field(
        None,
        min_length=MIN_SECRET,
        description="Key of `POST /invitation/bounces`, 32 characters or more; the door "
        "is closed unless it is set.",
    )
    remind_ahead: Annotated[tuple[timedelta, ...], NoDecode] = Field(
        (timedelta(days=1), timedelta(minutes=15)),
        description="How long before the start there is a reminder, by comma; empty for "
        "none. Whole days are by the clock on the wall.",
    )
    remind_quiet_from: time = Field(
        time(21),
        description="From this Finnish time no reminder leaves: one of two hours ahead or "
        "more leaves half an hour before. A shorter one leaves at any hour.",
    )
    remind_quiet_to: time = Field(
        time(7), description="Until this Finnish time. The same as from: never quiet."
    )
    remind_apart: timedelta = Field(
        timedelta(minutes=30),
        ge=timedelta(),
        description="No reminder within this time after another e-mail to the same person.",
    )
    delays_apart: timedelta = Field(
        timedelta(minutes=10),
        ge=timedelta(),
        description="A delay that grew is told again after this time at the earliest.",
    )
    keep_appointments: timedelta = Field(
        timedelta(days=14),
        ge=timedelta(days=6),  # longer than a booking is kept in Kafka
        description="How long the address is kept after the appointment.",
    )

    @model_validator(mode="after")
    def _what_is_taken_has_an_address(self) -> Self:
        if self.bounce_listen and not self.bounce_address:
            raise ValueError("BOUNCE_LISTEN needs BOUNCE_ADDRESS")
        return self

    @field_validator("remind_ahead", mode="before")
    @classmethod
    def _by_comma(cls, text: object) -> object:
        if isinstance(text, str):
            return tuple(each.strip() for each in text.split(",") if each.strip())
        return text

    @field_validator("remind_ahead")
    @classmethod
    def _each_is_ahead(cls, ahead: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        if any(each <= timedelta() for each in ahead):
            raise ValueError("a reminder comes before the start")
        return tuple(sorted(set(ahead), reverse=True))

    @model_validator(mode="after")
    def _what_is_signed_can_be_verified(self) -> Self:
        told = self.dkim_domain, self.dkim_selector, self.dkim_key
        if any(told) and not all(told):
            raise ValueError("DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY go together")
        if self.dkim_domain:
            host = parseaddr(self.mail_from)[1].rpartition("@")[2].lower()
            if not f".{host}".endswith(f".{self.dkim_domain.lower()}"):
                raise ValueError("MAIL_FROM must be in DKIM_DOMAIN")
        self.signer()
        return self

    def signer(self) -> Signer | None:
        """Who signs, if anybody does. Raises `NotAKey`, which is a complaint here."""
        if self.dkim_domain and self.dkim_selector and self.dkim_key:
            return Signer.of(self.dkim_domain, self.dkim_selector, self.dkim_key)
        return None
