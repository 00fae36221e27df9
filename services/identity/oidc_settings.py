"""What identity is told of its two OpenID providers, and what brokers publish of theirs.

`OIDC_PROFILE` fills in what Telia and OP ask of everyone in the Finnish Trust Network;
whatever else is set wins.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from chassis import settings

Address = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
Words = Annotated[str, Field(pattern=r"^\S+( \S+)*$")]
Ready = Mapping[str, str | bool | Callable[[str], str]]


def _key_set(text: str) -> str:
    keys = json.loads(text).get("keys")
    if not isinstance(keys, list) or not keys or any("d" in each for each in keys):
        raise ValueError("is a JSON Web Key set of public keys")
    return text


def _within(*allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not set(text.split()) <= set(allowed):
            raise ValueError(f"takes {', '.join(allowed)}")
        return text

    return AfterValidator(check)


KeySet = Annotated[str, AfterValidator(_key_set)]
Signatures = Annotated[Words, _within("RS256", "PS256", "ES256")]
KeyEncryptions = Annotated[Words, _within("RSA-OAEP", "RSA-OAEP-256")]
ContentEncryptions = Annotated[Words, _within("A128CBC-HS256", "A128GCM", "A256GCM")]
# Letters and digits as they stand on every keypad, for the screen of a bank's app.
ServiceName = Annotated[
    str, Field(pattern=r"^[A-Za-zÅÄÖåäö0-9][A-Za-zÅÄÖåäö0-9 .-]{0,39}$")
]

# Shapes that both providers have, and the words for them.
PushedTo = Annotated[
    Address | None,
    Field(
        description="Where requests are pushed (RFC 9126); unset sends them by value."
    ),
]
LogoutAt = Annotated[
    Address | None,
    Field(description="Where a browser is sent to log out there too."),
]
SigningBefore = Annotated[
    SecretStr | None, Field(description="The key before this one; still published.")
]
SigningNext = Annotated[
    SecretStr | None, Field(description="The key after this one; published already.")
]
Pkce = Annotated[bool, Field(description="Send a PKCE challenge.")]

NEEDED = (
    "oidc_issuer",
    "oidc_client_id",
    "oidc_authorization_endpoint",
    "oidc_token_endpoint",
    "oidc_signing_key",
    "oidc_acr_values",
)

_NETWORK: Ready = {
    "oidc_signatures": "RS256",
    "oidc_key_encryptions": "RSA-OAEP",
    "oidc_encryptions": "A128CBC-HS256",
    "oidc_acr_values": "http://ftn.ficora.fi/2017/loa2",
    "oidc_keys_signed": True,
}
# Telia: integration guide 2.34 of 2025-10-29. OP: interface description of 2024-08-27.
READY: Mapping[str, Ready] = {
    "generic": {},
    "telia": {
        **_NETWORK,
        "oidc_authorization_endpoint": lambda issuer: f"{issuer}/oauth2/authorization",
        "oidc_token_endpoint": lambda issuer: f"{issuer}/oauth2/token",
        "oidc_jwks_url": lambda issuer: (
            f"{issuer.removesuffix('/uas')}/openid_provider/signed_jwks.jwt"
        ),
    },
    "op": {
        **_NETWORK,
        "oidc_authorization_endpoint": lambda issuer: f"{issuer}/oauth/authorize",
        "oidc_token_endpoint": lambda issuer: f"{issuer}/oauth/token",
        "oidc_jwks_url": lambda issuer: f"{issuer}/jwks/broker-signed",
        "oidc_scope": "openid profile personal_identity_code",
        "oidc_national_id_claim": "personal_identity_code",
        "oidc_name_claims": "given_name family_name",
        "oidc_birth_date_claim": "birthdate",
        "oidc_ask_max_age": False,
        "oidc_prompt": "consent",
    },
}


def filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings given, and those that the chosen profile has ready."""
    ready = READY.get(str(given.get("oidc_profile", "generic")), {})
    issuer = str(given.get("oidc_issuer", "")).rstrip("/")
    made = {
        name: value(issuer) if callable(value) else value
        for name, value in ready.items()
    }
    return {**made, **given}


class VisitOidc(settings.Settings):
    """Suomi.fi or a broker, for patients and who comes with them."""

    upstream: Literal["oidc", "saml"] = Field(
        "oidc", description="Which way visitors are identified; the other stays unset."
    )
    oidc_profile: Literal["generic", "telia", "op"] = Field(
        "generic", description="Whose ready values fill in what is not set."
    )
    oidc_issuer: Address | None = Field(
        None, description="Issuer of the identifications."
    )
    oidc_client_id: str | None = Field(
        None, min_length=1, description="Our name there."
    )
    oidc_authorization_endpoint: Address | None = Field(
        None, description="Where a browser is sent."
    )
    oidc_token_endpoint: Address | None = Field(
        None, description="Where a code becomes a token."
    )
    oidc_par_endpoint: PushedTo = None
    oidc_end_session_endpoint: LogoutAt = None
    oidc_jwks_url: Address | None = Field(
        None, description="The issuer's public keys: a key set, or a signed one."
    )
    oidc_jwks: KeySet | None = Field(
        None, description="The issuer's public keys themselves; nothing is fetched."
    )
    oidc_entity_keys: KeySet | None = Field(
        None,
        description="The key set that signs what `OIDC_JWKS_URL` answers, by hand.",
    )
    oidc_keys_signed: bool = Field(
        False, description="A key set that is fetched and not signed is not taken."
    )
    oidc_signing_key: SecretStr | None = Field(
        None, description="RSA key (PEM) that our requests are signed with."
    )
    oidc_signing_key_before: SigningBefore = None
    oidc_signing_key_next: SigningNext = None
    oidc_encryption_key: SecretStr = Field(
        description="RSA key (PEM) that tokens to us, and codes in bookings, are "
        "encrypted for."
    )
    oidc_encryption_key_before: SecretStr | None = Field(
        None, description="The key before this one; still opens."
    )
    oidc_encryption_key_next: SecretStr | None = Field(
        None, description="The key after this one; opens already."
    )
    oidc_scope: Words = Field("openid", description="Scopes asked for.")
    oidc_acr_values: Words | None = Field(
        None, description="Levels of identification taken, by space."
    )
    oidc_national_id_claim: str = Field(
        "urn:oid:1.2.246.21", description="The claim with the personal identity code."
    )
    oidc_name_claims: Words = Field(
        "urn:oid:1.2.246.575.1.14 urn:oid:2.5.4.4",
        description="Claims that make up a name, in this order, by space.",
    )
    oidc_birth_date_claim: str = Field(
        "urn:oid:1.3.6.1.5.5.7.9.1", description="The claim with the date of birth."
    )
    oidc_max_age: int = Field(
        1920,
        ge=60,
        description="Seconds since the person proved who they are, at most. "
        "Suomi.fi's single sign-on lasts 32 minutes.",
    )
    oidc_ask_max_age: bool = Field(
        True, description="Ask for it too; the answer is checked in any case."
    )
    oidc_prompt: Words | None = Field(
        None, description="`prompt` of the request, as `login` or `consent`."
    )
    oidc_pkce: Pkce = True
    oidc_service_name: ServiceName | None = Field(
        None,
        description="`ftn_spname`: what a bank's app shows, at most 40 plain characters; "
        "unset where the broker has it registered.",
    )
    oidc_cancelled: Words = Field(
        "access_denied cancel", description="Errors that mean *the person cancelled*."
    )
    oidc_names_itself: bool = Field(
        False, description="An answer without `iss` (RFC 9207) is not taken."
    )
    oidc_signatures: Signatures = Field(
        "RS256 PS256 ES256", description="Signatures taken on tokens, by space."
    )
    oidc_key_encryptions: KeyEncryptions = Field(
        "RSA-OAEP RSA-OAEP-256", description="Encryptions of keys taken, by space."
    )
    oidc_encryptions: ContentEncryptions = Field(
        "A128CBC-HS256 A128GCM A256GCM",
        description="Encryptions of tokens taken, by space.",
    )
    oidc_own_signature: Literal["RS256", "PS256"] = Field(
        "RS256", description="What our requests and assertions are signed with."
    )
    oidc_assertion_audience: Literal["token_endpoint", "issuer"] = Field(
        "token_endpoint", description="Whom our client assertions are for."
    )
    oidc_assertion_seconds: int = Field(
        60, ge=10, le=600, description="How long a client assertion lasts."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: dict[str, Any]) -> dict[str, Any]:
        return filled(given)

    @model_validator(mode="after")
    def _has_oidc(self) -> Self:
        missing = [each for each in NEEDED if getattr(self, each) is None]
        if self.upstream == "oidc" and missing:
            names = ", ".join(missing).upper()
            raise ValueError(f"needed where UPSTREAM is oidc: {names}")
        return self

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if self.upstream != "oidc":
            return self
        if self.oidc_jwks is None and self.oidc_jwks_url is None:
            raise ValueError("OIDC_JWKS_URL or OIDC_JWKS is needed")
        fetched = self.oidc_jwks is None and self.oidc_entity_keys is None
        if self.oidc_keys_signed and fetched:
            raise ValueError("OIDC_ENTITY_KEYS is needed: the key set is to be signed")
        if self.oidc_profile == "op" and self.oidc_service_name is None:
            raise ValueError("OIDC_SERVICE_NAME is needed: OP takes it in the request")
        return self


class StaffOidc(settings.Settings):
    """The county's own provider, for professionals."""

    staff_oidc_issuer: Address = Field(description="Issuer of the staff's logins.")
    staff_oidc_client_id: str = Field(min_length=1, description="Our name there.")
    staff_oidc_authorization_endpoint: Address = Field(
        description="Where a professional's browser is sent."
    )
    staff_oidc_token_endpoint: Address = Field(
        description="Where a code becomes a token."
    )
    staff_oidc_par_endpoint: PushedTo = None
    staff_oidc_end_session_endpoint: LogoutAt = None
    staff_oidc_jwks_url: Address = Field(description="The issuer's public keys.")
    staff_oidc_signing_key: SecretStr = Field(
        description="RSA key (PEM) that our requests are signed with."
    )
    staff_oidc_signing_key_before: SigningBefore = None
    staff_oidc_signing_key_next: SigningNext = None
    staff_oidc_scope: Words = Field("openid profile", description="Scopes asked for.")
    staff_oidc_acr_values: Words | None = Field(
        None, description="Levels of login taken, by space; unset takes any."
    )
    staff_oidc_name_claim: str = Field("name", description="The claim with the name.")
    staff_oidc_units_claim: str = Field(
        "units", description="The claim with the ids of the units."
    )
    staff_oidc_units: dict[str, str] = Field(
        default={},
        description="What the values of that claim mean here, as JSON: "
        '`{"group-7": "unit-1"}`; empty takes them as ids of units.',
    )
    staff_oidc_roles_claim: str | None = Field(
        None,
        description="The claim with the roles, or a path to it as `realm_access.roles`; "
        "unset takes everyone who has a unit.",
    )
    staff_oidc_roles: str = Field(
        "professional", description="Roles that may work here, by space."
    )
    staff_oidc_step_up_acr: Words | None = Field(
        None,
        description="Levels that a professional must reach, by space; who came at a "
        "lower one is sent back once for it.",
    )
    staff_oidc_pkce: Pkce = True
    staff_oidc_max_age: int = Field(
        43_200, ge=60, description="Seconds since the professional logged in, at most."
    )
