"""OpenID Connect as a relying party: code flow, signed requests, nested tokens.

Claims travel from server to server only, and leave this page only when all of it holds.
Sources: OpenID Connect Core 1.0; RFC 7523 (private_key_jwt), 7636 (PKCE), 9101 (signed
request), 9207 (issuer in the answer); Traficom 213/2023 S as brokers publish it.
"""

import asyncio
import math
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwe, jws, jwt
from joserfc.errors import ClaimError, InvalidClaimError, JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, JWKRegistry, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from pydantic import SecretStr

from chassis.clock import Clock
from chassis.refusal import Unavailable
from chassis.sessions import KeySetDocument
from services.identity.domain import (
    IdentificationCancelled,
    IdentificationFailed,
    NotOpened,
    Question,
    Why,
)
from services.identity.upstream import Returned

Claims = Mapping[str, Any]
Chance = Callable[[], str]
PublicKey = RSAKey | ECKey

SIGNATURES = ("RS256", "PS256", "ES256")
ENCRYPTIONS = ("RSA-OAEP", "RSA-OAEP-256", "A128CBC-HS256", "A128GCM", "A256GCM")
OUR_SIGNATURE = "RS256"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CANCELLED = frozenset({"access_denied", "cancel"})  # the second is OP's spelling
LEEWAY = 30  # seconds that two clocks may differ
FRESH = 600  # seconds a token may be old when it reaches us
REQUEST_LASTS = 300
ASSERTION_LASTS = 60
KEYS_LAST = timedelta(hours=24)
ASK_AGAIN_AFTER = timedelta(seconds=10)
ANSWER_SECONDS = 10
LEAST_BITS = 2048
OK = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """What was agreed with one provider. Nothing of it is learned at run time but keys."""

    issuer: str
    client_id: str
    authorization_endpoint: str
    token_endpoint: str
    redirect_uri: str
    scope: str
    acr_values: tuple[str, ...]  # empty: any level
    max_age: int  # seconds since the person proved who they are
    signatures: tuple[str, ...] = SIGNATURES


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

    def opened(self, sealed: str) -> str:
        """What was encrypted for us. Raises `NotOpened`."""
        # Some providers add iss and aud to the header, which a strict reader refuses.
        agreed = JWERegistry(algorithms=ENCRYPTIONS, strict_check_header=False)
        try:
            opened = jwe.decrypt_compact(sealed, self.key, registry=agreed)
            return (opened.plaintext or b"").decode("ascii")
        except (JoseError, ValueError, TypeError, KeyError):
            raise NotOpened from None


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Ours towards one provider; without an encryption key, tokens come only signed."""

    signing: OwnKey = field(repr=False)
    encryption: OwnKey | None = field(default=None, repr=False)

    @property
    def public(self) -> list[Mapping[str, Any]]:
        return [each.public for each in (self.signing, self.encryption) if each]


class Client:
    """We, towards one provider."""

    def __init__(
        self,
        profile: Profile,
        own: OwnKeys,
        keys: "ProviderKeys",
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._profile = profile
        self._own = own
        self._keys = keys
        self._clock = clock
        self._chance = chance

    def location(self, question: Question, language: str) -> str:
        """Where to send the browser: all that is asked stands in the signed request."""
        asked = {"request": self._request(question, language)}
        query = urlencode({"client_id": self._profile.client_id, **asked})
        return f"{self._profile.authorization_endpoint}?{query}"

    async def claims(self, returned: Returned, question: Question) -> Claims:
        """What the provider says of whoever came back."""
        code = self._code(returned)
        token = self._opened(await self._exchanged(code, question))
        claims = await self._verified(token)
        self._check(claims, question)
        return claims

    def _request(self, question: Question, language: str) -> str:
        profile = self._profile
        challenge = sha256(question.verifier.encode()).digest()
        asked = {
            "iss": profile.client_id,
            "aud": profile.issuer,
            "client_id": profile.client_id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": profile.redirect_uri,
            "scope": profile.scope,
            "state": question.state,
            "nonce": question.nonce,
            "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "ui_locales": language,
            "max_age": profile.max_age,
        }
        if profile.acr_values:
            asked["acr_values"] = " ".join(profile.acr_values)
        return self._signed(asked, REQUEST_LASTS, "oauth-authz-req+jwt")

    def _signed(self, claims: Claims, lasts: int, kind: str) -> str:
        at = int(self._clock().timestamp())
        once = {"iat": at, "exp": at + lasts, "jti": self._chance()}
        key = self._own.signing.key
        header = {"alg": OUR_SIGNATURE, "kid": key.kid, "typ": kind}
        return jwt.encode(header, {**claims, **once}, key, [OUR_SIGNATURE])

    def _code(self, returned: Returned) -> str:
        if returned.get("iss", self._profile.issuer) != self._profile.issuer:
            raise IdentificationFailed(Why.WRONG_CLAIM, "iss")
        if returned.get("error") in CANCELLED:
            raise IdentificationCancelled("The identification was cancelled.")
        if "error" in returned:
            raise IdentificationFailed(Why.PROVIDER_SAID_NO)
        if code := returned.get("code"):
            return code
        raise IdentificationFailed(Why.NO_CODE)

    async def _exchanged(self, code: str, question: Question) -> str:
        profile = self._profile
        who = {
            "iss": profile.client_id,
            "sub": profile.client_id,
            "aud": profile.token_endpoint,
        }
        answer = await _posted(
            profile.token_endpoint,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": profile.redirect_uri,
                "code_verifier": question.verifier,
                "client_id": profile.client_id,
                "client_assertion_type": ASSERTION,
                "client_assertion": self._signed(who, ASSERTION_LASTS, "JWT"),
            },
        )
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise IdentificationFailed(Why.NO_TOKEN)
        return token

    def _opened(self, token: str) -> str:
        """The signed token within the encrypted one, where encryption was agreed."""
        if self._own.encryption is None:
            return token
        if token.count(".") != 4:  # noqa: PLR2004 - RFC 7516, 3.1: five parts
            raise IdentificationFailed(Why.NOT_ENCRYPTED)
        try:
            return self._own.encryption.opened(token)
        except NotOpened:
            raise IdentificationFailed(Why.NOT_OPENED) from None

    async def _verified(self, token: str) -> Claims:
        agreed = JWSRegistry(
            algorithms=self._profile.signatures, strict_check_header=False
        )
        try:
            header = jws.extract_compact(token.encode()).headers()
            agreed.check_header(header)
            agreed.get_alg(header["alg"])
            key = await self._keys.key(header.get("kid"))
            return jwt.decode(token, key, registry=agreed).claims
        except (JoseError, ValueError, TypeError, KeyError):
            raise IdentificationFailed(Why.NOT_VERIFIED) from None

    def _check(self, claims: Claims, question: Question) -> None:
        rules = _Rules(self._profile, question, int(self._clock().timestamp()))
        try:
            rules.validate(dict(claims))
        except ClaimError as wrong:
            raise IdentificationFailed(Why.WRONG_CLAIM, wrong.claim) from None


class _Rules(JWTClaimsRegistry):
    """What must stand in a token. The library lets what is absent pass, unless told."""

    def __init__(self, profile: Profile, question: Question, at: int) -> None:
        super().__init__(
            now=at,
            leeway=LEEWAY,
            iss={"essential": True, "value": profile.issuer},
            aud={"essential": True, "value": profile.client_id},
            nonce={"essential": True, "value": question.nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            auth_time={"essential": True},
            acr={"essential": bool(profile.acr_values)},
        )
        self._max_age = profile.max_age
        self._levels = profile.acr_values

    def validate_aud(self, value: object) -> None:
        """For us, and for nobody else."""
        super().validate_aud(value)
        if isinstance(value, list) and len(value) != 1:
            raise InvalidClaimError("aud")

    def validate_acr(self, value: object) -> None:
        if self._levels and value not in self._levels:
            raise InvalidClaimError("acr")

    def validate_iat(self, value: object) -> None:
        super().validate_iat(value)
        self._check_age("iat", value, FRESH)

    def validate_auth_time(self, value: object) -> None:
        self._check_age("auth_time", value, self._max_age)

    def _check_age(self, name: str, value: object, most: int) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):  # type: ignore[arg-type]
            raise InvalidClaimError(name)
        if not -self.leeway <= self.now - value <= most + self.leeway:  # type: ignore[operator]
            raise InvalidClaimError(name)


class ProviderKeys:
    """A provider's public keys, kept, and asked for again when one is missing."""

    def __init__(
        self, fetch: Callable[[], Awaitable[KeySetDocument]], clock: Clock
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, PublicKey] = {}
        self._asked: datetime | None = None
        self._asking = asyncio.Lock()

    async def key(self, key_id: object) -> PublicKey:
        """Raises `IdentificationFailed` when there is no such key, even after asking."""
        if self._found(key_id) is None or self._is_older_than(KEYS_LAST):
            async with self._asking:
                await self._ask_again()
        if (found := self._found(key_id)) is None:
            raise IdentificationFailed(Why.UNKNOWN_KEY)
        return found

    def _found(self, key_id: object) -> PublicKey | None:
        """A token that names no key can only mean the one there is."""
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id) if isinstance(key_id, str) else None

    async def _ask_again(self) -> None:
        if not self._is_older_than(ASK_AGAIN_AFTER):
            return
        self._asked = self._clock()
        try:
            document = await self._fetch()
        except Unavailable:
            raise IdentificationFailed(Why.PROVIDER_AWAY) from None
        self._keys = _usable(document.get("keys", ()))

    def _is_older_than(self, age: timedelta) -> bool:
        return self._asked is None or self._clock() - self._asked > age


def _usable(document: Sequence[Mapping[str, Any]]) -> dict[str, PublicKey]:
    """The keys that may verify a signature; a shared secret among them is no such key."""
    keys: dict[str, PublicKey] = {}
    for each in document:
        if each.get("kty") in ("RSA", "EC") and each.get("use", "sig") == "sig":
            try:
                key = JWKRegistry.import_key(dict(each))
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # one bad key is no reason to lose the others
            if isinstance(key, PublicKey):
                key.ensure_kid()
                keys[str(key.kid)] = key
    return keys


def text(claim: Any) -> str:
    """On one line, without what cannot be seen."""
    words = claim.split() if isinstance(claim, str) else ()
    return "".join(each for each in " ".join(words) if each.isprintable())


async def _posted(url: str, form: Mapping[str, str]) -> Any:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.post(url, data=form, allow_redirects=False) as answer,
        ):
            if answer.status != OK:
                raise IdentificationFailed(Why.PROVIDER_SAID_NO)
            return await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError):
        raise IdentificationFailed(Why.PROVIDER_AWAY) from None
    except ValueError:
        raise IdentificationFailed(Why.NO_TOKEN) from None
