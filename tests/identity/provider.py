"""A provider that says whatever a test gives it to say, on a real port."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from aiohttp import web
from joserfc import jwe, jwt
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, RSAKey

from chassis.sessions import fetching
from dev.programs import free_port
from dev.site import serve
from services.identity.domain import Question
from services.identity.oidc.client import Client
from services.identity.oidc.keys import Fetch, OwnKey, OwnKeys, ProviderKeys, Ring
from services.identity.oidc.profile import SIGNATURES, Algorithms, Profile
from tests.identity.people import Clock, rsa_pem

LEVEL = "http://ftn.ficora.fi/2017/loa2"
QUESTION = Question("the-state", "the-nonce", "the-verifier")
Claims = dict[str, Any]
Form = Mapping[str, str]


@cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.import_key(rsa_pem(name).get_secret_value())


@cache
def own_key(name: str, use: str) -> OwnKey:
    return OwnKey(rsa_pem(name), use)


class Provider:
    """Its keys, its claims, and what it answers at its two doors."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.key = rsa_key("provider")
        self.published: list[Mapping[str, Any]] = [public(self.key, "RS256")]
        self.token: Any = None
        self.status = 200
        self.forms: list[Form] = []
        self.pushed: Any = {"request_uri": "urn:example:1", "expires_in": 60}
        self.signed_keys = ""
        self.keys_asked = 0

    def claims(self, **changes: Any) -> Claims:
        """A good answer; a change to None takes the claim away."""
        at = int(self.clock().timestamp())
        told = {
            "iss": self.url,
            "aud": "us",
            "sub": "somebody",
            "nonce": QUESTION.nonce,
            "acr": LEVEL,
            "iat": at,
            "exp": at + 600,
            "auth_time": at - 5,
            **changes,
        }
        return {name: value for name, value in told.items() if value is not None}

    def signed(
        self, claims: Claims, key: RSAKey | ECKey | None = None, alg: str = "RS256"
    ) -> str:
        used = key or self.key
        used.ensure_kid()
        header = {"alg": alg, "kid": used.kid}
        return jwt.encode(header, claims, used, list(SIGNATURES))

    def sealed(
        self, token: str, alg: str = "RSA-OAEP", enc: str = "A128CBC-HS256"
    ) -> str:
        """As some do, with iss and aud in the header too."""
        header = {"alg": alg, "enc": enc, "cty": "JWT", "iss": self.url, "aud": "us"}
        agreed = JWERegistry(
            algorithms=Algorithms().encryptions, strict_check_header=False
        )
        ours = own_key("encryption", "enc").key
        return jwe.encrypt_compact(header, token, ours, registry=agreed)

    def application(self) -> web.Application:
        async def token(request: web.Request) -> web.Response:
            form = await request.post()
            self.forms.append({name: str(value) for name, value in form.items()})
            return web.json_response({"id_token": self.token}, status=self.status)

        async def keys(_: web.Request) -> web.Response:
            self.keys_asked += 1
            return web.json_response({"keys": self.published})

        async def signed(_: web.Request) -> web.Response:
            self.keys_asked += 1
            return web.Response(text=self.signed_keys)

        async def pushed(request: web.Request) -> web.Response:
            form = await request.post()
            self.forms.append({name: str(value) for name, value in form.items()})
            return web.json_response(self.pushed, status=self.status)

        app = web.Application()
        app.add_routes(
            [
                web.post("/token", token),
                web.post("/par", pushed),
                web.get("/keys", keys),
                web.get("/signed-keys", signed),
            ]
        )
        return app


def public(key: RSAKey | ECKey, alg: str) -> Mapping[str, Any]:
    key.ensure_kid()
    return {**key.as_dict(private=False), "use": "sig", "alg": alg}


@asynccontextmanager
async def provider(clock: Clock) -> AsyncIterator[Provider]:
    port = free_port()
    made = Provider(f"http://127.0.0.1:{port}", clock)
    async with serve(made.application(), port):
        yield made


def profile(url: str) -> Profile:
    return Profile(
        issuer=url,
        client_id="us",
        authorization_endpoint=f"{url}/authorize",
        token_endpoint=f"{url}/token",
        redirect_uri="https://video.example/identity/callback",
        scope="openid",
        acr_values=(LEVEL, "http://ftn.ficora.fi/2017/loa3"),
        max_age=1920,
    )


def client(
    url: str,
    clock: Clock,
    *,
    encrypted: bool = True,
    fetch: Fetch | None = None,
    **agreed: Any,
) -> Client:
    """Us, with what was agreed otherwise than usually."""
    own = OwnKeys(
        Ring(own_key("signing", "sig")),
        Ring(own_key("encryption", "enc")) if encrypted else None,
    )
    keys = ProviderKeys(fetch or fetching(f"{url}/keys"), clock)
    once = (f"jti-{number}" for number in range(1000))
    return Client(replace(profile(url), **agreed), own, keys, clock, lambda: next(once))
