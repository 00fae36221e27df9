"""The two issuers: whom each can identify, and what it says about them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jose import jwe

from dev.idp.keys import OwnKeys
from dev.idp.refusal import Claims
from dev.persons import Person, Professional

# The level of test identities in the Finnish Trust Network; real ones have loa2 or loa3.
TEST_LEVEL = "http://ftn.ficora.fi/2017/loatest2"
STAFF_LEVEL = "https://idp.example/level/staff-card"
NATIONAL_ID = "urn:oid:1.2.246.21"
SURNAME = "urn:oid:2.5.4.4"
FIRST_NAMES = "urn:oid:1.2.246.575.1.14"
DISPLAY_NAME = "urn:oid:2.16.840.1.113730.3.1.241"
BIRTH_DATE = "urn:oid:1.3.6.1.5.5.7.9.1"
TOKEN_LIFETIME = timedelta(minutes=10)

Seal = Callable[[str, Claims], str]
Bend = Callable[[Claims], Claims]


@dataclass(frozen=True)
class Client:
    """A service that may ask, as the provider has it on file."""

    client_id: str
    redirect_uri: str
    jwks_url: str


@dataclass(frozen=True)
class Identity:
    """Somebody on the list: a label for people, claims for programs."""

    key: str
    name: str = field(repr=False)
    part: str
    detail: str
    claims: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True)
class Issuer:
    """`bend` is for tests: it may spoil the claims before they are signed."""

    name: str
    url: str
    level: str
    client: Client
    identities: tuple[Identity, ...]
    keys: OwnKeys = field(repr=False)
    encrypts: Seal | None
    bend: Bend = dict

    @property
    def token_endpoint(self) -> str:
        return f"{self.url}/token"

    def find(self, key: str) -> Identity | None:
        return next((each for each in self.identities if each.key == key), None)

    def signed(self, identity: Identity, nonce: str, at: datetime) -> str:
        """The ID token, still open."""
        now = int(at.timestamp())
        claims: Claims = {
            "iss": self.url,
            "sub": secrets.token_urlsafe(16),  # as in the network: not lasting
            "aud": self.client.client_id,
            "iat": now,
            "exp": now + int(TOKEN_LIFETIME.total_seconds()),
            "auth_time": now,
            "nonce": nonce,
            "acr": self.level,
            **identity.claims,
        }
        return self.keys.sign(self.bend(claims))

    def discovery(self) -> Claims:
        told: Claims = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": self.token_endpoint,
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["pairwise"],
            "scopes_supported": ["openid"],
            "acr_values_supported": [self.level],
            "ui_locales_supported": ["sv", "fi", "en"],
            "code_challenge_methods_supported": ["S256"],
            "request_parameter_supported": True,
            "require_signed_request_object": True,
            "request_object_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self.encrypts is not None:
            told["id_token_encryption_alg_values_supported"] = ["RSA-OAEP"]
            told["id_token_encryption_enc_values_supported"] = ["A128CBC-HS256"]
        return told


def encrypted(token: str, key: Claims) -> str:
    """The signed token inside one that only the client can open."""
    sealed = jwe.encrypt(
        token,
        key,
        encryption="A128CBC-HS256",
        algorithm="RSA-OAEP",
        cty="JWT",
        kid=str(key.get("kid")),
    )
    return sealed.decode()


def of_person(person: Person) -> Identity:
    claims = {
        NATIONAL_ID: person.national_id.get_secret_value(),
        SURNAME: person.surname,
        FIRST_NAMES: person.first_names,
        DISPLAY_NAME: person.name,
        BIRTH_DATE: person.birth_date.isoformat(),
    }
    return Identity(person.key, person.name, person.part, person.language, claims)


def of_professional(professional: Professional) -> Identity:
    units = professional.units
    claims = {
        "sub": professional.id,
        "name": professional.name,
        "units": [each.id for each in units],
    }
    detail = ", ".join(each.id for each in units)
    return Identity(professional.key, professional.name, "professional", detail, claims)
