"""What identity is told, on top of what every service is."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self, TypeVar

from pydantic import Field, SecretStr, model_validator

from services.identity.oidc_settings import StaffOidc
from services.identity.saml_settings import VisitSaml

# Levels that prove nothing strong: the test tool of Suomi.fi, its weak Authenticator, and
# the test level of the Finnish Trust Network.
WEAK_LEVELS = frozenset(
    {
        "urn:oid:1.2.246.517.3002.110.999",
        "urn:oid:1.2.246.517.3002.110.7",
        "http://ftn.ficora.fi/2017/loatest2",
        "http://ftn.ficora.fi/2017/loatest3",
    }
)

Secret = Annotated[SecretStr, Field(min_length=32)]
Set = TypeVar("Set")


class Guardians(StrEnum):
    """Who knows whose guardian someone is."""

    BOOKING = "booking"
    VALTUUDET = "valtuudet"
    NONE = "none"


class Settings(VisitSaml, StaffOidc):
    """Two identity providers: Suomi.fi or a broker for visits, the county's for staff."""

    national_id_secret: Secret = Field(
        description="Key of the digests of personal identity codes."
    )
    national_id_secret_before: Secret | None = Field(
        None, description="The key before this one; read with, never written with."
    )
    person_secret: Secret = Field(description="Key that person_ids are made with.")
    session_key: SecretStr = Field(
        description="P-256 key (PEM) that sessions are signed with."
    )
    session_key_before: SecretStr | None = Field(
        None, description="The key before this one; its sessions still hold."
    )
    session_key_next: SecretStr | None = Field(
        None, description="The key after this one; published already."
    )
    token_life: timedelta = Field(
        timedelta(minutes=10),
        ge=timedelta(seconds=20),
        le=timedelta(hours=1),
        description="A session's token is good for so long; pages renew it in time. "
        "A logout elsewhere takes effect within it.",
    )
    visit_after_end: timedelta = Field(
        timedelta(minutes=60),
        ge=timedelta(minutes=15),
        description="A visit's session ends so long after the appointment.",
    )
    staff_session: timedelta = Field(
        timedelta(hours=12),
        ge=timedelta(minutes=30),
        description="A professional logs in anew after so long.",
    )
    staff_idle: timedelta = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=10),
        description="A professional who does nothing is logged out after so long.",
    )
    session_warning: timedelta = Field(
        timedelta(minutes=5),
        ge=timedelta(seconds=20),
        description="The page warns so long before a session ends (WCAG 2.2.1).",
    )
    session_extension: timedelta = Field(
        timedelta(minutes=30),
        ge=timedelta(minutes=10),
        description="A tap on the warning makes a visit's session so much longer, "
        "ten times at most.",
    )
    guardians: Guardians = Field(
        Guardians.BOOKING,
        description="Who says whose guardian someone is: booking (its list), valtuudet "
        "(Suomi.fi e-Authorizations) or none (no guardian enters).",
    )
    valtuudet_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")] = Field(
        "https://asiointivaltuustarkistus.suomi.fi",
        description="Origin of e-Authorizations, without a path.",
    )
    valtuudet_client_id: str | None = Field(
        None, min_length=1, description="Our client id at e-Authorizations."
    )
    valtuudet_api_key: SecretStr | None = Field(
        None, min_length=1, description="Our key of its REST API."
    )
    national_id_key: Secret | None = Field(
        None,
        description="Key that a child's personal identity code is sealed with until the "
        "appointment is over; only where GUARDIANS is valtuudet.",
    )
    guardian_age_limit: int = Field(
        12,
        ge=0,
        le=18,
        description="A guardian may attend for a child younger than this.",
    )
    test_persons_allowed: bool = Field(
        False,
        description="Take temporary personal identity codes (900 to 999) and test levels.",
    )

    @model_validator(mode="after")
    def _can_ask(self) -> Self:
        needed = {
            "VALTUUDET_CLIENT_ID": self.valtuudet_client_id,
            "VALTUUDET_API_KEY": self.valtuudet_api_key,
            "NATIONAL_ID_KEY": self.national_id_key,
        }
        missing = [name for name, value in needed.items() if value is None]
        if self.guardians is Guardians.VALTUUDET and missing:
            raise ValueError(f"GUARDIANS=valtuudet needs {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _is_strong(self) -> Self:
        if self.test_persons_allowed:
            return self
        for name in ("oidc_acr_values", "saml_levels"):
            if WEAK_LEVELS.intersection((getattr(self, name) or "").split()):
                raise ValueError(f"{name.upper()} holds levels that are not strong")
        return self


def needed(value: Set | None) -> Set:
    """What a validator has made sure of."""
    if value is None:
        raise LookupError("A setting is missing.")
    return value
