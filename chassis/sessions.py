"""Sessions and admissions: JSON Web Tokens signed with ES256, and the keys to check them.

Whoever signs publishes a key set; everyone else keeps it for a while, and asks again,
once, when they meet a key they do not know. Source: RFC 7515 to 7519, RFC 7638 (key ids).
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, TypeVar

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
)

from chassis.clock import Clock
from chassis.refusal import Refusal, Unavailable
from contract.personal import Personal
from contract.slot import Slot

AUDIENCE = "videomottagning"
ALGORITHM = "ES256"
ASK_AGAIN_AFTER = timedelta(seconds=10)
AWAY_AGAIN_AFTER = timedelta(seconds=1)
KEPT = timedelta(minutes=10)  # then a withdrawn key is forgotten
FETCH_SECONDS = 5

KeySetDocument = Mapping[str, Any]


class NoSession(Refusal):
    """There is no token, or not one that holds."""

    code = "no_session"


class Token(BaseModel):
    """What every token says. `sub` is a person_id or a professional's id."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kind: str
    sub: str
    exp: datetime


class VisitSession(Token):
    """Someone has identified for one appointment; `sid` is identity's record of it.

    It says who they are as the event `patient.identified` does, so that the lobby can
    keep a place for them also while Kafka is away.
    """

    kind: Literal["visit"] = "visit"
    sid: str
    appointment: str
    role: str
    name: Personal
    birth_year: int
    method: str


class StaffSession(Token):
    """A professional has logged in; `units` are the ids of the units they work for."""

    kind: Literal["staff"] = "staff"
    sid: str
    name: str
    units: tuple[str, ...]
    role: Literal["professional"] = "professional"


class Admission(Token):
    """The lobby's word that this person may be in the call of this appointment."""

    kind: Literal["admission"] = "admission"
    appointment: str
    role: str
    starts_at: AwareDatetime | None = None
    sequence: int | None = None

    @property
    def slot(self) -> Slot | None:
        """Of the appointment, as in events; nothing from a lobby that did not say it yet."""
        if self.starts_at is None or self.sequence is None:
            return None
        return Slot(self.starts_at, self.sequence)


AnyToken = TypeVar("AnyToken", bound=Token)


class SigningKey:
    """A private P-256 key (PEM). Its id is its RFC 7638 thumbprint."""

    def __init__(self, pem: SecretStr, issuer: str, clock: Clock) -> None:
        key = load_pem_private_key(pem.get_secret_value().encode(), password=None)
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(
            key.curve, SECP256R1
        ):
            raise TypeError("A signing key is a P-256 key in PEM.")
        self._key = key
        self._issuer = issuer
        self._clock = clock
        public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.key_id = _thumbprint(public)
        self.public = {**public, "alg": ALGORITHM, "use": "sig", "kid": self.key_id}

    def sign(self, token: Token) -> str:
        claims = {
            **token.model_dump(mode="json"),
            "exp": token.exp,
            "iat": self._clock(),
            "iss": self._issuer,
            "aud": AUDIENCE,
        }
        return jwt.encode(claims, self._key, ALGORITHM, {"kid": self.key_id})


def _thumbprint(public: Mapping[str, Any]) -> str:
    """RFC 7638: SHA-256 over the required members, sorted, without white space."""
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()


class KeySet:
    """The public keys of one signer, kept, and asked for again when one is missing."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[KeySetDocument]],
        issuer: str,
        clock: Clock,
    ) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked: datetime | None = None
        self._in_vain: datetime | None = None
        self._away = False
        self._asking = asyncio.Lock()

    async def check(self, text: str | None, kind: type[AnyToken]) -> AnyToken:
        """The token in this text. Raises `NoSession` when it does not hold."""
        token = await self.recognise(text, kind)
        if token.exp <= self._clock():
            raise NoSession("The session has ended.")
        return token

    async def recognise(self, text: str | None, kind: type[AnyToken]) -> AnyToken:
        """The token in this text, though its time may be over. Raises `NoSession`."""
        if not text:
            raise NoSession("You are not logged in.")
        try:
            key = await self._key(jwt.get_unverified_header(text).get("kid", ""))
            claims = jwt.decode(
                text,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    "verify_exp": False,  # by our own clock, above
                    "verify_iat": False,
                },
            )
            return kind.model_validate(claims)
        except (jwt.PyJWTError, ValidationError):
            raise NoSession("The session does not hold.") from None

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if self._is_due(key_id):
            async with self._asking:  # those who come together share one answer
                if self._is_due(key_id):
                    await self._ask(key_id)
        if key_id in self._keys:
            return self._keys[key_id]
        if self._away:
            raise Unavailable("The key set cannot be had.")
        raise NoSession("The session was signed with a key we do not know.")

    def _is_due(self, key_id: str) -> bool:
        """After asking in vain there is a pause; after an answer that helped, none."""
        if key_id in self._keys:
            return self._is_longer_ago(self._asked, KEPT)
        pause = AWAY_AGAIN_AFTER if self._away else ASK_AGAIN_AFTER
        return self._is_longer_ago(self._in_vain, pause)

    async def _ask(self, key_id: str) -> None:
        """Keys we have stay good while their publisher is away."""
        try:
            self._keys = _usable((await self._fetch()).get("keys", []))
        except Unavailable:
            self._away = True
        else:
            self._away = False
        finally:
            self._asked = self._clock()
            found = key_id in self._keys and not self._away
            self._in_vain = None if found else self._asked

    def _is_longer_ago(self, then: datetime | None, age: timedelta) -> bool:
        return then is None or self._clock() - then > age


def _usable(keys: Sequence[Mapping[str, Any]]) -> dict[str, jwt.PyJWK]:
    """Those that are for us. A strange one must not spoil the others."""
    usable = {}
    for each in keys:
        with suppress(jwt.PyJWTError, ValueError):
            if each.get("kty") == "EC" and "kid" in each:
                usable[str(each["kid"])] = jwt.PyJWK(dict(each), ALGORITHM)
    return usable


def fetching(url: str) -> Callable[[], Awaitable[KeySetDocument]]:
    """Gets a key set over HTTP; raises `Unavailable` when it cannot."""

    async def fetch() -> KeySetDocument:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.get(url, allow_redirects=False) as answer,
            ):
                answer.raise_for_status()
                document: KeySetDocument = await answer.json()
                return document
        except (aiohttp.ClientError, TimeoutError, ValueError) as away:
            raise Unavailable("The key set cannot be had.") from away

    return fetch
