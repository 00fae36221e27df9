"""Keys: ours, of which one follows the other without a gap, and a provider's.

Ours rotate as OpenID Connect Core 10.1.1 and 10.2.1 have it. Signatures are made with
today's key, and those of before and after are published beside it. Only today's key for
encryption is published, and whatever was encrypted for the others is still opened.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, JWKRegistry, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from pydantic import SecretStr

from chassis.clock import Clock
from chassis.refusal import Unavailable
from chassis.sessions import KeySetDocument
from services.identity.domain import IdentificationFailed, NotOpened, Why
from services.identity.oidc.profile import SIGNATURES, Algorithms

PublicKey = RSAKey | ECKey
PublicKeys = Sequence[Mapping[str, Any]]
Fetch = Callable[[], Awaitable[KeySetDocument]]

KEYS_LAST = timedelta(hours=24)
ASK_AGAIN_AFTER = timedelta(seconds=10)
FETCH_SECONDS = 5
LEEWAY = 30  # seconds that two clocks may differ
LEAST_BITS = 2048
UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError)


class OwnKey:
    """An RSA key of ours (PEM). Its id is its RFC 7638 thumbprint."""

    def __init__(self, pem: SecretStr, use: str) -> None:
        raw = load_pem_private_key(pem.get_secret_value().encode(), password=None)
        if not isinstance(raw, RSAPrivateKey) or raw.key_size < LEAST_BITS:
            raise TypeError(
                f"A key of ours is an RSA key of {LEAST_BITS} bits or more."
            )
        key = RSAKey.import_key(raw, {"use": use})
        key.ensure_kid()
        self.key = key
        self.public = key.as_dict(private=False)

    def opened(self, sealed: str, agreed: JWERegistry) -> str:
        """What was encrypted for this key. Raises `NotOpened`."""
        try:
            opened = jwe.decrypt_compact(sealed, self.key, registry=agreed)
            return (opened.plaintext or b"").decode("ascii")
        except UNREADABLE:
            raise NotOpened from None


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys for one use: today's, and those before and after it."""

    today: OwnKey = field(repr=False)
    others: tuple[OwnKey, ...] = field(default=(), repr=False)

    @property
    def every(self) -> tuple[OwnKey, ...]:
        return (self.today, *self.others)

    def opened(self, sealed: str, algorithms: Algorithms | None = None) -> str:
        """What was encrypted for one of us. Raises `NotOpened`."""
        # Some providers add iss and aud to the header, which a strict reader refuses.
        agreed = JWERegistry(
            algorithms=(algorithms or Algorithms()).encryptions,
            strict_check_header=False,
        )
        for each in self.every:
            with suppress(NotOpened):
                return each.opened(sealed, agreed)
        raise NotOpened


def ring(use: str, today: SecretStr, *others: SecretStr | None) -> Ring:
    """Keys for this use (`sig` or `enc`); those that are not set are left out."""
    return Ring(OwnKey(today, use), tuple(OwnKey(each, use) for each in others if each))


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Ours towards one provider; without encryption, its tokens come only signed."""

    signing: Ring = field(repr=False)
    encryption: Ring | None = field(default=None, repr=False)

    @property
    def public(self) -> PublicKeys:
        encryption = (self.encryption.today,) if self.encryption else ()
        return [each.public for each in (*self.signing.every, *encryption)]


class ProviderKeys:
    """A provider's public keys, kept, and asked for again when one is missing."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, PublicKey] = {}
        self._asked: datetime | None = None
        self._in_vain: datetime | None = None
        self._asking = asyncio.Lock()

    async def key(self, key_id: object) -> PublicKey:
        """Raises `IdentificationFailed` when there is no such key, even after asking."""
        if self._is_due(key_id):
            async with self._asking:  # those who come together share one answer
                if self._is_due(key_id):
                    await self._ask(key_id)
        if (found := self._found(key_id)) is None:
            raise IdentificationFailed(Why.UNKNOWN_KEY)
        return found

    def _found(self, key_id: object) -> PublicKey | None:
        """A token that names no key can only mean the one there is."""
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id) if isinstance(key_id, str) else None

    def _is_due(self, key_id: object) -> bool:
        """After asking in vain there is a pause; after an answer that helped, none."""
        if not self._is_longer_ago(self._in_vain, ASK_AGAIN_AFTER):
            return False
        unknown = self._found(key_id) is None
        return unknown or self._is_longer_ago(self._asked, KEYS_LAST)

    async def _ask(self, key_id: object) -> None:
        """A key we have stays good while its publisher is away."""
        try:
            document = await self._fetch()
        except Unavailable:
            self._in_vain = self._clock()
            if self._found(key_id) is None:
                raise IdentificationFailed(Why.PROVIDER_AWAY) from None
            return
        self._keys = usable(document.get("keys", ()))
        self._asked = self._clock()
        # Only now: whoever comes meanwhile waits for this answer.
        self._in_vain = self._asked if self._found(key_id) is None else None

    def _is_longer_ago(self, then: datetime | None, age: timedelta) -> bool:
        return then is None or self._clock() - then > age


def usable(document: Sequence[Mapping[str, Any]]) -> dict[str, PublicKey]:
    """The keys that may verify a signature; a shared secret among them is no such key."""
    keys: dict[str, PublicKey] = {}
    for each in document:
        if each.get("kty") in ("RSA", "EC") and each.get("use", "sig") == "sig":
            try:
                key = JWKRegistry.import_key(dict(each))
            except UNREADABLE:
                continue  # one bad key is no reason to lose the others
            if isinstance(key, PublicKey):
                key.ensure_kid()
                keys[str(key.kid)] = key
    return keys


def pinned(document: str) -> Fetch:
    """A key set that stands in the settings."""
    known: KeySetDocument = json.loads(document)

    async def fetch() -> KeySetDocument:
        return known

    return fetch


def fetching_signed(url: str, entity: str, issuer: str, clock: Clock) -> Fetch:
    """A key set, or an entity statement, that a key in our settings has signed.

    `entity` is a JWK set. Source: OpenID Federation 1.0, 3.1 and 5.2.1 (signed_jwks_uri).
    """
    keys = usable(json.loads(entity)["keys"])

    async def fetch() -> KeySetDocument:
        signed = await _got(url)
        try:
            return _key_set(_stated(signed, keys, issuer, clock))
        except UNREADABLE:
            raise Unavailable("The key set is not signed as agreed.") from None

    return fetch


def _stated(
    signed: str, keys: Mapping[str, PublicKey], issuer: str, clock: Clock
) -> Mapping[str, Any]:
    """What the entity says of itself, and not of another, now."""
    agreed = JWSRegistry(algorithms=SIGNATURES, strict_check_header=False)
    claims = jwt.decode(
        signed, lambda each: keys[each.headers()["kid"]], registry=agreed
    ).claims
    JWTClaimsRegistry(
        now=int(clock().timestamp()),
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        sub={"essential": True, "value": issuer},
        iat={"essential": True},
    ).validate(claims)
    return claims


def _key_set(stated: Mapping[str, Any]) -> KeySetDocument:
    """`jwks` of an entity statement itself are entity keys, and verify no token."""
    if "metadata" in stated:
        found: KeySetDocument = stated["metadata"]["openid_provider"]["jwks"]
        return found
    return {"keys": stated["keys"]}


async def _got(url: str) -> str:
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(url, allow_redirects=False) as answer,
        ):
            answer.raise_for_status()
            return (await answer.text()).strip()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        raise Unavailable("The key set cannot be had.") from None
