"""A SAML identity provider that others wrote, told who we are, and our settings for it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from dev import programs
from dev.persons import Person
from services.identity.suomifi_saml import (
    ACS,
    DISPLAY_NAME,
    FIRST_NAMES,
    NATIONAL_ID,
    SLO,
    SURNAME,
)

SCRIPT = Path(__file__).with_name("samlp.mjs")
LEVEL = "http://ftn.ficora.fi/2017/loa2"
FOREIGN_LEVEL = "http://eidas.europa.eu/LoA/substantial"
STARTS_WITHIN = 20.0


@dataclass(frozen=True)
class Pair:
    """A key, and a certificate that it signed itself; made for one run."""

    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False
    )

    @property
    def private(self) -> str:
        pkcs8 = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.key.private_bytes(*pkcs8).decode()

    @property
    def public(self) -> str:
        info = PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(Encoding.PEM, info).decode()

    @property
    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        day = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(day - timedelta(days=1))
            .not_valid_after(day + timedelta(days=9))
            .sign(self.key, SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode()


@dataclass(frozen=True)
class Agreement:
    """What the provider at this port and we have on file about each other."""

    port: int = field(default_factory=programs.free_port)
    theirs: Pair = field(default_factory=Pair)
    signing: Pair = field(default_factory=Pair)
    encryption: Pair = field(default_factory=Pair)
    entity_id: str = "https://videomottagning.example/SAML"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> Mapping[str, str]:
        return {
            "UPSTREAM": "saml",
            "SAML_ENTITY_ID": self.entity_id,
            "SAML_PROVIDER_ENTITY_ID": f"{self.url}/idp1",
            "SAML_PROVIDER_SSO_URL": f"{self.url}/sso",
            "SAML_PROVIDER_SLO_URL": f"{self.url}/slo",
            "SAML_PROVIDER_CERTIFICATES": self.theirs.certificate,
            "SAML_SIGNING_KEY": self.signing.private,
            "SAML_SIGNING_CERTIFICATES": self.signing.certificate,
            "SAML_ENCRYPTION_KEYS": self.encryption.private,
            "SAML_ENCRYPTION_CERTIFICATES": self.encryption.certificate,
            "SAML_ORGANISATION": "Testvälfärdsområdet",
            "SAML_CONTACT_NAME": "Testi-Tekniikka",
            "SAML_CONTACT_EMAIL": "tekniikka@example.com",
        }

    def for_provider(self, service: str, persons: Sequence[Person]) -> dict[str, Any]:
        """What the script is told; `service` is our public address."""
        return {
            "url": self.url,
            "port": self.port,
            "issuer": f"{self.url}/idp1",
            "key": self.theirs.private,
            "certificate": self.theirs.certificate,
            "level": LEVEL,
            "service": {
                "entityId": self.entity_id,
                "acs": f"{service}{ACS}",
                "slo": f"{service}{SLO}",
                "signingCertificate": self.signing.certificate,
                "encryptionCertificate": self.encryption.certificate,
                "encryptionKey": self.encryption.public,
            },
            "persons": [
                *map(_known, persons),
                {"key": "foreigner", "attributes": {}, "level": FOREIGN_LEVEL},
            ],
        }


def _known(person: Person) -> dict[str, Any]:
    return {
        "key": person.key,
        "attributes": {
            NATIONAL_ID: person.national_id.get_secret_value(),
            FIRST_NAMES: person.first_names,
            SURNAME: person.surname,
            DISPLAY_NAME: person.name,
        },
    }


@asynccontextmanager
async def provider(
    agreement: Agreement, service: str, persons: Sequence[Person], folder: Path
) -> AsyncIterator[programs.Program]:
    """The provider on 127.0.0.1, until the block is left."""
    told = folder / "samlp.json"
    told.write_text(json.dumps(agreement.for_provider(service, persons)), "utf-8")
    program = programs.start(["node", str(SCRIPT), str(told)], folder / "samlp.log")

    async def listens() -> bool:
        return await programs.listens(agreement.port)

    try:
        await programs.until(listens, program, STARTS_WITHIN)
        yield program
    finally:
        await program.end()
