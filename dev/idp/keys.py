"""The provider's own key, and the client's keys as the client publishes them."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from jose import jwk, jws
from jose.exceptions import JOSEError

from dev.idp.refusal import Claims, Refused

SIGNING = "RS256"
SIZE = 2048
Keys = list[Claims]
Fetch = Callable[[], Awaitable[Keys]]


@dataclass(frozen=True)
class OwnKey:
    """A signing key made for this run."""

    kid: str
    pem: str = field(repr=False)

    def public(self) -> Claims:
        key = jwk.construct(self.pem, SIGNING).public_key().to_dict()
        return {**key, "kid": self.kid, "use": "sig"}

    def sign(self, claims: Claims) -> str:
        headers = {"kid": self.kid, "typ": "JWT"}
        return jws.sign(claims, self.pem, headers, SIGNING)


def new_key() -> OwnKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=SIZE)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return OwnKey(uuid4().hex, pem.decode())


class OwnKeys:
    """Keys that follow one another: the newest signs, and the one before is known too."""

    def __init__(self) -> None:
        self._keys = [new_key()]

    def public(self) -> Keys:
        return [each.public() for each in self._keys]

    def sign(self, claims: Claims) -> str:
        return self._keys[0].sign(claims)

    def rotate(self) -> None:
        self._keys = [new_key(), self._keys[0]]


class ClientKeys:
    """A client's published keys; asked for again when an unknown one turns up."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._keys: Keys = []

    async def verified(self, token: str) -> Claims:
        """The claims of a token that the client signed."""
        try:
            header = jws.get_unverified_header(token)
            key = await self._signing(str(header.get("kid")))
            claims = json.loads(jws.verify(token, key, [SIGNING]))
        except (JOSEError, ValueError) as wrong:
            raise Refused("invalid_token", "The signature does not hold.") from wrong
        if not isinstance(claims, dict):
            raise Refused("invalid_token", "The token holds no claims.")
        return claims

    async def for_encryption(self) -> Claims:
        self._keys = await self._fetch()
        key = next((each for each in self._keys if each.get("use") == "enc"), None)
        if key is None:
            raise Refused("invalid_client", "The client has no key of use enc.")
        return key

    async def _signing(self, kid: str) -> Claims:
        if (known := self._find(kid)) is not None:
            return known
        self._keys = await self._fetch()
        if (fetched := self._find(kid)) is not None:
            return fetched
        raise Refused("invalid_token", "The client publishes no such key of use sig.")

    def _find(self, kid: str) -> Claims | None:
        wanted = (kid, "sig")
        return next(
            (key for key in self._keys if (key.get("kid"), key.get("use")) == wanted),
            None,
        )


def published_at(url: str) -> Fetch:
    async def fetch() -> Keys:
        limit = aiohttp.ClientTimeout(total=5)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as http,
                http.get(url, raise_for_status=True) as answer,
            ):
                keys: Keys = (await answer.json(content_type=None))["keys"]
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as gone:
            raise Refused(
                "invalid_client", "The client's keys are not there."
            ) from gone
        return keys

    return fetch
