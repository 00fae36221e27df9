"""What identity is told of Suomi.fi where it speaks SAML: `UPSTREAM` is `saml`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.identity.oidc_settings import Address, VisitOidc, Words

ByLanguage = Mapping[Literal["fi", "sv", "en"], str]
NEEDED = (
    "saml_entity_id",
    "saml_provider_entity_id",
    "saml_provider_sso_url",
    "saml_provider_certificates",
    "saml_signing_key",
    "saml_signing_certificates",
    "saml_encryption_keys",
    "saml_encryption_certificates",
    "saml_organisation",
    "saml_contact_name",
    "saml_contact_email",
)


class VisitSaml(VisitOidc):
    """Suomi.fi by SAML, for patients and who comes with them."""

    saml_entity_id: str | None = Field(
        None, description="Our name there, to the letter: capitals count."
    )
    saml_provider_entity_id: str | None = Field(
        None, description="Its name, as its metadata has it."
    )
    saml_provider_sso_url: Address | None = Field(
        None, description="Its `SingleSignOnService` for HTTP-Redirect."
    )
    saml_provider_slo_url: Address | None = Field(
        None, description="Its `SingleLogoutService` for HTTP-Redirect."
    )
    saml_provider_certificates: str | None = Field(
        None,
        description="Its certificates for signing (PEM); several while it changes keys.",
    )
    saml_signing_key: SecretStr | None = Field(
        None, description="RSA key (PEM) that our messages are signed with."
    )
    saml_signing_certificates: str | None = Field(
        None,
        description="Our certificates for signing (PEM): today's first, then the next.",
    )
    saml_encryption_keys: SecretStr | None = Field(
        None, description="RSA keys (PEM) that open assertions: all that may be in use."
    )
    saml_encryption_certificates: str | None = Field(
        None,
        description="Our certificates for encryption (PEM); each needs its key.",
    )
    saml_levels: Words = Field(
        "http://ftn.ficora.fi/2017/loa2 http://ftn.ficora.fi/2017/loa3",
        description="Levels of identification asked for and taken, by space.",
    )
    saml_clock_skew: timedelta = Field(
        timedelta(seconds=1),
        ge=timedelta(0),
        le=timedelta(minutes=1),
        description="How much the provider's clock may differ from ours.",
    )
    saml_max_age: timedelta = Field(
        timedelta(minutes=32),
        description="How long ago the person may have proved who they are. "
        "Suomi.fi's single sign-on lasts 32 minutes.",
    )
    saml_names: ByLanguage = Field(
        {"fi": "Videovastaanotto", "sv": "Videomottagning", "en": "Video appointment"},
        description="What Suomi.fi's pages call us (JSON).",
    )
    saml_descriptions: ByLanguage = Field(
        {
            "fi": "Etävastaanotto sosiaali- ja terveydenhuollon ammattilaisen kanssa",
            "sv": "Distansmottagning med yrkespersoner inom social- och hälsovården",
            "en": "Remote appointments with social and healthcare professionals",
        },
        description="What they say of us (JSON).",
    )
    saml_organisation: str | None = Field(
        None, description="The county's name as the Business Information System has it."
    )
    saml_contact_name: str | None = Field(
        None, description="Whom Suomi.fi turns to in technical matters."
    )
    saml_contact_email: str | None = Field(
        None, pattern=r"^\S+@\S+$", description="That person's or team's address."
    )

    @model_validator(mode="after")
    def _has_saml(self) -> Self:
        missing = [each for each in NEEDED if getattr(self, each) is None]
        if self.upstream == "saml" and missing:
            names = ", ".join(missing).upper()
            raise ValueError(f"needed where UPSTREAM is saml: {names}")
        return self
