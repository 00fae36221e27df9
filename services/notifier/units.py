"""What each unit wants to be told, where and when: one file that the county writes.

    {"units": {"u-1": {"duty":    {"email": "…", "phone": "…", "language": "fi"},
                       "ladder":  {"push": 30, "colleague": 90, "duty": 180},
                       "quiet":   [{"from": "20:00", "to": "07:00", "days": ["sat", "sun"]}],
                       "webhook": {"url": "https://…", "secrets": ["whsec_…"], "events": ["patient.waiting"]}},
               "*":   {…}}}

What a unit's entry does not say is taken from the entry `*`, part by part.
"""

from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as Signature
from yarl import URL

from contract.booking import Language
from contract.catalogue import CATALOGUE
from contract.envelope import Id

EVERY_UNIT = "*"
LONGEST_WAIT = 24 * 3600.0  # seconds
HEARD = frozenset(
    entry.event.topic for entry in CATALOGUE if "notifier" in entry.hearers
)


class Told(BaseModel):
    """A part of the file. What it does not know is a mistake; it quotes no value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )


class Duty(Told):
    """Who is reached when nobody at a screen has noticed."""

    email: SecretStr | None = None
    phone: SecretStr | None = None
    language: Language = Language.FINNISH


class Ladder(Told):
    """Seconds that somebody has waited when a rung of the doorbell is climbed."""

    push: float = Field(30, ge=0, le=LONGEST_WAIT)
    colleague: float = Field(90, ge=0, le=LONGEST_WAIT)
    duty: float = Field(180, ge=0, le=LONGEST_WAIT)


class Day(StrEnum):
    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


class QuietHours(Told):
    """By a Finnish clock; past midnight when they end before they begin."""

    begins: time = Field(alias="from")
    ends: time = Field(alias="to")
    days: frozenset[Day] = frozenset(Day)


def _secret(told: SecretStr) -> SecretStr:
    try:
        Signature(told.get_secret_value())
    except (ValueError, EmptyWebhookSecretError):
        raise ValueError("must be whsec_ and a key in Base64") from None
    return told


def _heard(topic: str) -> str:
    if topic not in HEARD:
        raise ValueError("must be a topic that the notifier hears")
    return topic


def _address(told: SecretStr) -> SecretStr:
    text = told.get_secret_value()
    try:
        url = URL(text)  # as it will be called
    except ValueError:
        raise ValueError("must be an address of the web") from None
    if not text.isprintable() or url.scheme not in {"https", "http"}:
        raise ValueError("must be https:// and printable")
    if not url.host or url.user:
        raise ValueError("must name a host, and no user")
    return told


class Webhook(Told):
    """A unit's own system, and the topics that it hears. It may have two secrets for a
    while, so that they can be changed."""

    url: Annotated[SecretStr, AfterValidator(_address)]
    secrets: tuple[Annotated[SecretStr, AfterValidator(_secret)], ...] = Field(
        min_length=1, max_length=5
    )
    events: frozenset[Annotated[str, AfterValidator(_heard)]] = Field(min_length=1)

    @property
    def digest(self) -> bytes:
        """Of the address, which may hold a secret."""
        return sha256(self.url.get_secret_value().encode()).digest()

    @property
    def is_plain(self) -> bool:
        return urlsplit(self.url.get_secret_value()).scheme == "http"


class UnitSettings(Told):
    duty: Duty = Duty()
    ladder: Ladder = Ladder()
    quiet: tuple[QuietHours, ...] = ()
    webhook: Webhook | None = None


class Units(Told):
    """All units. One that is not in the file is as `*` says."""

    units: Mapping[Id, UnitSettings] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, told: Any) -> Any:
        """Each entry with what only `*` says."""
        entries = told.get("units") if isinstance(told, Mapping) else None
        if not isinstance(entries, Mapping):
            return told
        every = entries.get(EVERY_UNIT, {})
        if not isinstance(every, Mapping):
            return told
        filled = {
            unit: {**every, **entry} if isinstance(entry, Mapping) else entry
            for unit, entry in entries.items()
        }
        return {**told, "units": filled}

    def of(self, unit_id: str | None) -> UnitSettings:
        nothing = UnitSettings()
        every = self.units.get(EVERY_UNIT, nothing)
        return self.units.get(unit_id, every) if unit_id else every

    def anyone_hears(self, topic: str) -> bool:
        told = (each.webhook for each in self.units.values())
        return any(each is not None and topic in each.events for each in told)

    @classmethod
    def read(cls, path: Path | None, *, plain_allowed: bool) -> Self:
        """No file means that no unit wants anything. Raises `ValueError`, which quotes no
        value of the file, and `OSError`."""
        units = cls.model_validate_json(path.read_bytes()) if path else cls()
        webhooks = (each.webhook for each in units.units.values())
        if not plain_allowed and any(each and each.is_plain for each in webhooks):
            raise ValueError("A webhook's url must be https://")
        return units
