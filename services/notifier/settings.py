"""What the notifier is told at its start."""

import json
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from chassis.smtp import MailSettings

PLAIN_BODY = '{"to": "{to}", "text": "{text}", "id": "{id}"}'
# The push services of Chrome, Edge, Firefox and Safari.
PUSH_SERVICES = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.notify.windows.com",
    "*.push.apple.com",
)


class BodyForm(StrEnum):
    """How a gateway wants to be written to."""

    JSON = "json"
    FORM = "form"


class NotifierSettings(MailSettings):
    session_keys_url: HttpUrl = Field(description="Key set of the session cookies.")
    stream_queue: int = Field(
        200, ge=1, description="Notices that may wait for one slow stream."
    )
    streams_per_person: int = Field(
        20, ge=1, description="Streams that one person may have open here."
    )
    heartbeat_seconds: float = Field(
        15, gt=0, description="A comment this often keeps proxies from closing streams."
    )
    doorbell_seconds: float = Field(
        1, gt=0, description="How often doorbells are looked at, to wake the next."
    )
    units_file: Path | None = Field(
        None,
        description="What each unit wants to be told (docs/operations.md). Without it no "
        "duty contact is called and no webhook.",
    )
    messages_kept: timedelta = Field(
        timedelta(days=90),
        ge=timedelta(days=2),
        description="How long it is kept what was told to whom, by ids. Webhooks can be "
        "replayed for as long.",
    )
    vapid_key: SecretStr = Field(
        description="Key that push services know us by: P-256 in PEM. A new one makes "
        "browsers subscribe anew."
    )
    push_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        PUSH_SERVICES,
        description="Push services that may be called, by comma; `*.` before a name "
        "stands for all below it.",
    )
    push_connections: int = Field(
        8, ge=1, le=64, description="Push messages handed over at a time at most."
    )
    staff_push_kept: timedelta = Field(
        timedelta(hours=12),
        ge=timedelta(minutes=10),
        description="How long a professional's browser is told after its page last said so.",
    )
    sms_url: str | None = Field(
        None,
        description="The SMS gateway's address for sending. Without it no text message "
        "is sent.",
    )
    sms_method: str = Field(
        "POST", pattern="^(POST|PUT)$", description="How the gateway is asked."
    )
    sms_header: str = Field(
        "Authorization",
        pattern="^[A-Za-z0-9-]*$",
        description="Header in which SMS_SECRET is said; empty for none.",
    )
    sms_secret: SecretStr | None = Field(
        None,
        description="What the gateway knows us by: the whole value, as `Bearer …`.",
    )
    sms_form: BodyForm = Field(
        BodyForm.JSON, description="How the gateway reads the body: json or form."
    )
    sms_body: str = Field(
        PLAIN_BODY,
        description="What the gateway is told, as a JSON object; `{to}`, `{text}` and "
        "`{id}` stand for the number (E.164), the text and our own name of the message, "
        "`{secret}` for SMS_SECRET.",
    )
    sms_reference: str = Field(
        "id",
        description="Where in the gateway's JSON answer its own name of the message is, "
        "as `messages.0.id`.",
    )
    sms_country: str = Field(
        "FI",
        pattern="^[A-Z]{2}$",
        description="Where a number without a country code is from.",
    )
    sms_connections: int = Field(
        4, ge=1, le=64, description="Text messages handed over at a time at most."
    )
    webhook_connections: int = Field(
        8, ge=1, le=64, description="Webhooks called at a time at most."
    )
    supplier_seconds: float = Field(
        20,
        gt=0,
        le=60,  # well within the lease of a message
        description="How long a gateway, a push service or a webhook may take to answer.",
    )
    plain_http_allowed: bool = Field(
        False,
        description="For development: webhooks and push services without encryption.",
    )

    @field_validator("push_hosts", mode="before")
    @classmethod
    def _by_comma(cls, told: object) -> object:
        if isinstance(told, str):
            return tuple(each.strip() for each in told.split(",") if each.strip())
        return told

    @field_validator("sms_url", "units_file", mode="before")
    @classmethod
    def _nothing_is_none(cls, told: object) -> object:
        return told or None

    @field_validator("sms_body", mode="before")
    @classmethod
    def _nothing_is_plain(cls, told: object) -> object:
        return told or PLAIN_BODY

    @field_validator("sms_body")
    @classmethod
    def _an_object(cls, told: str) -> str:
        try:
            body = json.loads(told)
        except ValueError:
            body = None
        if not isinstance(body, dict) or "{to}" not in told or "{text}" not in told:
            raise ValueError("must be a JSON object that says {to} and {text}")
        return told

    @model_validator(mode="after")
    def _gateway_is_encrypted(self) -> Self:
        url = self.sms_url or "https://"
        if not url.startswith("https://") and not self.plain_http_allowed:
            raise ValueError("SMS_URL must be https://")
        return self

    @property
    def gateway_body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.sms_body)
        return body
