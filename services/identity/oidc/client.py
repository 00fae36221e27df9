"""We, towards one provider.

Claims travel from server to server only, and leave this page only when all of it holds.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
from joserfc import jwt

from chassis.clock import Clock
from services.identity.domain import (
    IdentificationCancelled,
    IdentificationFailed,
    LoggedOut,
    LogoutNotTaken,
    Question,
    Why,
)
from services.identity.oidc.keys import OwnKeys, ProviderKeys
from services.identity.oidc.profile import Profile
from services.identity.oidc.tokens import Claims, Reader
from services.identity.session import Upstream
from services.identity.upstream import Returned

Chance = Callable[[], str]

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ANSWER_SECONDS = 10
OK, CREATED = 200, 201


class Client:
    """We, towards one provider."""

    def __init__(
        self,
        profile: Profile,
        own: OwnKeys,
        keys: ProviderKeys,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._profile = profile
        self._own = own
        self._clock = clock
        self._chance = chance
        self.reader = Reader(profile, own.encryption, keys, clock)

    async def location(self, question: Question, language: str) -> str:
        """Where to send the browser: all that is asked stands in the signed request."""
        asked = {"request": self._request(question, language)}
        if self._profile.asking.pushed_to is not None:
            asked = await self._pushed(self._profile.asking.pushed_to, asked)
        query = urlencode({"client_id": self._profile.client_id, **asked})
        return f"{self._profile.authorization_endpoint}?{query}"

    async def claims(self, returned: Returned, question: Question) -> Claims:
        """What the provider says of whoever came back."""
        code = self._code(returned)
        token = await self._exchanged(code, question)
        return await self.reader.identified(token, question)

    async def logged_out(self, token: str) -> LoggedOut:
        """The session that the provider says has ended. Raises `LogoutNotTaken`."""
        try:
            claims = await self.reader.logged_out(token)
        except IdentificationFailed as no:
            raise LogoutNotTaken("The logout token does not hold.") from no
        named = Upstream(claims["iss"], claims.get("sub"), claims.get("sid"))
        return LoggedOut(named, claims["jti"])

    @property
    def leads_out(self) -> bool:
        return self._profile.end_session_endpoint is not None

    def farewell(self, language: str, state: str | None = None) -> str | None:
        """Where to send a browser to log out there too (RP-Initiated Logout 1.0).

        Without `id_token_hint`: that is a token with a name in it, in an address.
        """
        profile = self._profile
        if profile.end_session_endpoint is None:
            return None
        asked = {"client_id": profile.client_id, "ui_locales": language}
        if profile.after_logout:
            asked["post_logout_redirect_uri"] = profile.after_logout
        if state is not None:
            asked["state"] = state
        return f"{profile.end_session_endpoint}?{urlencode(asked)}"

    def _request(self, question: Question, language: str) -> str:
        profile = self._profile
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
            "ui_locales": language,
            **self._wishes(question),
        }
        return self._signed(asked, profile.asking.lasts, "oauth-authz-req+jwt")

    def _wishes(self, question: Question) -> Claims:
        """What some providers are asked and others not."""
        profile, asking = self._profile, self._profile.asking
        wishes: dict[str, Any] = {}
        if asking.pkce:
            challenge = sha256(question.verifier.encode()).digest()
            encoded = urlsafe_b64encode(challenge).rstrip(b"=").decode()
            wishes |= {"code_challenge": encoded, "code_challenge_method": "S256"}
        if asking.max_age:
            wishes["max_age"] = profile.max_age
        if profile.acr_values:
            wishes["acr_values"] = " ".join(profile.acr_values)
        if asking.insists:
            acr = {"essential": True, "values": list(profile.acr_values)}
            wishes["claims"] = {"id_token": {"acr": acr}}
        if asking.prompt:
            wishes["prompt"] = asking.prompt
        if asking.service_name:
            wishes["ftn_spname"] = asking.service_name
        return wishes

    def _signed(self, claims: Claims, lasts: int, kind: str) -> str:
        at = int(self._clock().timestamp())
        once = {"iat": at, "exp": at + lasts, "jti": self._chance()}
        key, algorithm = self._own.signing.today.key, self._profile.algorithms.ours
        header = {"alg": algorithm, "kid": key.kid, "typ": kind}
        return jwt.encode(header, {**claims, **once}, key, [algorithm])

    async def _pushed(self, endpoint: str, asked: Mapping[str, str]) -> dict[str, str]:
        """RFC 9126: the provider keeps the request, and the browser carries its name."""
        answer = await _posted(endpoint, {**asked, **self._credentials()})
        name = answer.get("request_uri") if isinstance(answer, dict) else None
        if not isinstance(name, str):
            raise IdentificationFailed(Why.PROVIDER_SAID_NO, "request_uri")
        return {"request_uri": name}

    def _code(self, returned: Returned) -> str:
        self._check_issuer(returned)
        if returned.get("error") in self._profile.cancelled:
            raise IdentificationCancelled("The identification was cancelled.")
        if "error" in returned:
            raise IdentificationFailed(Why.PROVIDER_SAID_NO)
        if code := returned.get("code"):
            return code
        raise IdentificationFailed(Why.NO_CODE)

    def _check_issuer(self, returned: Returned) -> None:
        """RFC 9207: an answer of another provider must not be taken to this one."""
        named = returned.get("iss")
        if named is None and not self._profile.names_itself:
            return
        if named != self._profile.issuer:
            raise IdentificationFailed(Why.WRONG_CLAIM, "iss")

    async def _exchanged(self, code: str, question: Question) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._profile.redirect_uri,
            **self._credentials(),
        }
        if self._profile.asking.pkce:
            form["code_verifier"] = question.verifier
        answer = await _posted(self._profile.token_endpoint, form)
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise IdentificationFailed(Why.NO_TOKEN)
        return token

    def _credentials(self) -> Mapping[str, str]:
        """private_key_jwt: who we are, proved by our key, once."""
        profile = self._profile
        who = {
            "iss": profile.client_id,
            "sub": profile.client_id,
            "aud": profile.assertion_audience or profile.token_endpoint,
        }
        return {
            "client_id": profile.client_id,
            "client_assertion_type": ASSERTION,
            "client_assertion": self._signed(who, profile.assertion_lasts, "JWT"),
        }


def session_of(claims: Claims) -> Upstream:
    """What the provider calls the session it has with this person."""
    sid = claims.get("sid")
    return Upstream(claims["iss"], claims["sub"], sid if isinstance(sid, str) else None)


async def _posted(url: str, form: Mapping[str, str]) -> Any:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.post(url, data=form, allow_redirects=False) as answer,
        ):
            if answer.status not in (OK, CREATED):
                raise IdentificationFailed(Why.PROVIDER_SAID_NO)
            return json.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError):
        raise IdentificationFailed(Why.PROVIDER_AWAY) from None
    except ValueError:
        raise IdentificationFailed(Why.NO_TOKEN) from None
