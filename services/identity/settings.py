"""What identity is told, on top of what every service is."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from chassis import settings

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

Address = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
Secret = Annotated[SecretStr, Field(min_length=32)]
Words = Annotated[str, Field(pattern=r"^\S+( \S+)*$")]


class Settings(settings.Settings):
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

    oidc_issuer: Address = Field(description="Issuer of the identifications.")
    oidc_client_id: str = Field(min_length=1, description="Our name there.")
    oidc_authorization_endpoint: Address = Field(description="Where a browser is sent.")
    oidc_token_endpoint: Address = Field(description="Where a code becomes a token.")
    oidc_jwks_url: Address = Field(description="The issuer's public keys.")
    oidc_signing_key: SecretStr = Field(
        description="RSA key (PEM) that our requests are signed with."
    )
    oidc_encryption_key: SecretStr = Field(
        description="RSA key (PEM) that tokens to us are encrypted for."
    )
    oidc_scope: Words = Field("openid", description="Scopes asked for.")
    oidc_acr_values: Words = Field(
        description="Levels of identification taken, by space."
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

    staff_oidc_issuer: Address = Field(description="Issuer of the staff's logins.")
    staff_oidc_client_id: str = Field(min_length=1, description="Our name there.")
    staff_oidc_authorization_endpoint: Address = Field(
        description="Where a professional's browser is sent."
    )
    staff_oidc_token_endpoint: Address = Field(
        description="Where a code becomes a token."
    )
    staff_oidc_jwks_url: Address = Field(description="The issuer's public keys.")
    staff_oidc_signing_key: SecretStr = Field(
        description="RSA key (PEM) that our requests are signed with."
    )
    staff_oidc_scope: Words = Field("openid profile", description="Scopes asked for.")
    staff_oidc_acr_values: Words | None = Field(
        None, description="Levels of login taken, by space; unset takes any."
    )
    staff_oidc_name_claim: str = Field("name", description="The claim with the name.")
    staff_oidc_units_claim: str = Field(
        "units", description="The claim with the ids of the units."
    )
    staff_oidc_max_age: int = Field(
        43_200, ge=60, description="Seconds since the professional logged in, at most."
    )

    @model_validator(mode="after")
    def _is_strong(self) -> Self:
        weak = WEAK_LEVELS.intersection(self.oidc_acr_values.split())
        if weak and not self.test_persons_allowed:
            raise ValueError("OIDC_ACR_VALUES holds levels that are not strong")
        return self
