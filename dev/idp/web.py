"""The doors of one issuer: ask, choose a person, and fetch the token."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import urlencode

from aiohttp import web

from chassis.clock import Clock
from dev.idp.issuers import Identity, Issuer
from dev.idp.keys import ClientKeys
from dev.idp.once import Once
from dev.idp.refusal import Claims, Refused
from dev.idp.statements import LANGUAGES, Asked, Statements
from dev.site import HEADERS, Pages

HERE = Path(__file__).parent
WORDS: Mapping[str, Mapping[str, str]] = json.loads((HERE / "words.json").read_text())
LOGIN_LIFETIME = timedelta(minutes=15)
CODE_LIFETIME = timedelta(seconds=60)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BAD_REQUEST, UNAUTHORIZED = 400, 401


@dataclass(frozen=True)
class Grant:
    """Who identified themselves, for which request."""

    asked: Asked
    identity: Identity


class Doors:
    """Everything below the issuer's address."""

    def __init__(self, issuer: Issuer, keys: ClientKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock
        self._pages = Pages(HERE / "pages")
        self._statements = Statements(issuer.client.client_id, clock)
        self._logins: Once[Asked] = Once(clock, LOGIN_LIFETIME)
        self._grants: Once[Grant] = Once(clock, CODE_LIFETIME)

    def routes(self) -> list[web.RouteDef]:
        prefix = f"/{self._issuer.name}"
        return [
            web.get(f"{prefix}/.well-known/openid-configuration", self.discovery),
            web.get(f"{prefix}/jwks", self.jwks),
            web.get(f"{prefix}/authorize", self.authorize),
            web.post(f"{prefix}/login", self.login),
            web.post(f"{prefix}/token", self.token),
        ]

    async def discovery(self, _: web.Request) -> web.Response:
        return web.json_response(self._issuer.discovery())

    async def jwks(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": self._issuer.keys.public()})

    async def authorize(self, request: web.Request) -> web.Response:
        try:
            claims = await self._request_object(request)
        except Refused as no:
            return self._refused(no)
        try:
            asked = self._statements.request(claims, self._issuer.url)
        except Refused as no:
            told = {"error": no.code, "error_description": no.text}
            return self._back(claims["redirect_uri"], claims.get("state"), told)
        return self._pages.show("login.html", self._choice(asked))

    async def login(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._logins.take(str(form.get("login")))
        if asked is None:
            return self._refused(Refused("invalid_request", "This page was used."))
        if "cancel" in form:
            cancelled = {"error": "access_denied"}
            return self._back(asked.redirect_uri, asked.state, cancelled)
        identity = self._issuer.find(str(form.get("person")))
        if identity is None:
            return self._refused(Refused("invalid_request", "There is no such person."))
        code = {"code": self._grants.put(Grant(asked, identity))}
        return self._back(asked.redirect_uri, asked.state, code)

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            await self._authenticate(form)
        except Refused as no:
            return _no(UNAUTHORIZED, "invalid_client", no.text)
        try:
            grant = self._granted(form)
            token = await self._id_token(grant)
        except Refused as no:
            return _no(BAD_REQUEST, no.code, no.text)
        told = {
            "access_token": token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": int(CODE_LIFETIME.total_seconds()),
            "id_token": token,
        }
        return web.json_response(told, headers={"Cache-Control": "no-store"})

    async def _request_object(self, request: web.Request) -> Claims:
        """The claims of the request; from here on it is safe to send people back."""
        client = self._issuer.client
        if request.query.get("client_id") != client.client_id:
            raise Refused("unauthorized_client", "The client is not known here.")
        try:
            claims = await self._keys.verified(request.query.get("request", ""))
        except Refused as no:
            raise Refused("invalid_request_object", no.text) from no
        if claims.get("client_id") != client.client_id:
            raise Refused("invalid_request_object", "It is of another client.")
        if claims.get("redirect_uri") != client.redirect_uri:
            raise Refused("invalid_request", "The redirect_uri is not on file.")
        return claims

    async def _authenticate(self, form: Mapping[str, str]) -> None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise Refused("invalid_client", "A client_assertion is needed.")
        claims = await self._keys.verified(form.get("client_assertion", ""))
        self._statements.assertion(claims, self._issuer.token_endpoint)

    def _granted(self, form: Mapping[str, str]) -> Grant:
        if form.get("grant_type") != "authorization_code":
            raise Refused("unsupported_grant_type", "Only codes are taken.")
        grant = self._grants.take(form.get("code", ""))
        if grant is None:
            raise Refused("invalid_grant", "The code is unknown, used or too old.")
        if form.get("redirect_uri") != grant.asked.redirect_uri:
            raise Refused("invalid_grant", "The redirect_uri is another.")
        if not _answers(form.get("code_verifier", ""), grant.asked.challenge):
            raise Refused("invalid_grant", "The code_verifier does not fit.")
        return grant

    async def _id_token(self, grant: Grant) -> str:
        token = self._issuer.signed(grant.identity, grant.asked.nonce, self._clock())
        if self._issuer.encrypts is None:
            return token
        return self._issuer.encrypts(token, await self._keys.for_encryption())

    def _choice(self, asked: Asked) -> dict[str, object]:
        return {
            "language": asked.language,
            "t": WORDS[asked.language],
            "issuer": self._issuer.name,
            "login": self._logins.put(asked),
            "identities": self._issuer.identities,
        }

    def _back(self, redirect_uri: str, state: object, told: Claims) -> web.Response:
        """Send the browser back; by GET, whatever it came by (303)."""
        same = {"state": state} if state else {}
        place = f"{redirect_uri}?{urlencode({**told, **same, 'iss': self._issuer.url})}"
        return web.Response(status=303, headers={**HEADERS, "Location": place})

    def _refused(self, no: Refused) -> web.Response:
        language = LANGUAGES[-1]
        values = {
            "language": language,
            "t": WORDS[language],
            "code": no.code,
            "text": no.text,
        }
        return self._pages.show("refused.html", values, BAD_REQUEST)


def _answers(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(
        urlsafe_b64encode(digest).rstrip(b"="), challenge.encode()
    )


def _no(status: int, code: str, text: str) -> web.Response:
    return web.json_response(
        {"error": code, "error_description": text},
        status=status,
        headers={"Cache-Control": "no-store"},
    )
