"""The identity provider keeps to the protocol, seen by a client with another JOSE.

The client here signs and decrypts with joserfc; the provider uses python-jose.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from joserfc import jwe, jwk, jws, jwt
from joserfc.errors import JoseError

from dev import persons
from dev.idp import visitor
from dev.idp.app import Provider, identity_provider
from dev.idp.issuers import NATIONAL_ID, TEST_LEVEL, Client, Issuer
from dev.programs import free_port
from dev.site import serve

CALLBACK = "https://video.example/identity/callback"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Claims = dict[str, Any]


class Clock:
    """A clock that tests move on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def seconds(self, more: int = 0) -> int:
        return int(self.time.timestamp()) + more


@dataclass(frozen=True)
class Party:
    """A careful client: what it would send, before a test spoils it."""

    issuer: Issuer
    clock: Clock
    signing: jwk.RSAKey
    encryption: jwk.RSAKey
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def request(self) -> Claims:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "iss": self.issuer.client.client_id,
            "aud": self.issuer.url,
            "client_id": self.issuer.client.client_id,
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": self.issuer.client.redirect_uri,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "acr_values": TEST_LEVEL,
            "ui_locales": "sv",
            "iat": self.clock.seconds(),
            "exp": self.clock.seconds(300),
            "jti": secrets.token_urlsafe(16),
        }

    def assertion(self) -> Claims:
        return {
            "iss": self.issuer.client.client_id,
            "sub": self.issuer.client.client_id,
            "aud": self.issuer.token_endpoint,
            "iat": self.clock.seconds(),
            "exp": self.clock.seconds(60),
            "jti": secrets.token_urlsafe(16),
        }

    def sign(self, claims: Claims, key: jwk.RSAKey | None = None) -> str:
        key = key or self.signing
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def location(self, request: str) -> str:
        query = {"client_id": self.issuer.client.client_id, "request": request}
        return f"{self.issuer.url}/authorize?{urlencode(query)}"

    def good_location(self) -> str:
        return self.location(self.sign(self.request()))

    def form(self, code: str) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.issuer.client.redirect_uri,
            "code_verifier": self.verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.sign(self.assertion()),
        }

    async def code(self, person: str) -> str:
        return _query(await visitor.choose(self.good_location(), person))["code"]

    async def fetch(self, form: Mapping[str, str]) -> tuple[int, Claims]:
        async with (
            ClientSession() as http,
            http.post(self.issuer.token_endpoint, data=form) as answer,
        ):
            return answer.status, await answer.json()

    async def opened(self, token: str) -> Claims:
        """Decrypt, then verify with the keys that the issuer publishes."""
        async with (
            ClientSession() as http,
            http.get(f"{self.issuer.url}/jwks") as answer,
        ):
            keys = jwk.KeySet.import_key_set(await answer.json())
        return jwt.decode(token, keys, algorithms=["RS256"]).claims


def _query(location: str) -> dict[str, str]:
    return {
        name: values[0] for name, values in parse_qs(urlsplit(location).query).items()
    }


def _new_key(use: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"use": use, "kid": secrets.token_hex(4)})


@pytest.fixture(scope="module")
def keys() -> tuple[jwk.RSAKey, jwk.RSAKey]:
    return _new_key("sig"), _new_key("enc")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def provider(
    keys: tuple[jwk.RSAKey, jwk.RSAKey], clock: Clock
) -> AsyncIterator[Provider]:
    port = free_port()
    jwks = {"keys": [key.as_dict(private=False) for key in keys]}

    async def publish(_: web.Request) -> web.Response:
        return web.json_response(jwks)

    app = web.Application()
    app.router.add_get("/jwks", publish)
    client = Client("videomottagning", CALLBACK, f"http://127.0.0.1:{port}/jwks")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(app, port))
        running = identity_provider(client, client, clock=clock)
        yield await stack.enter_async_context(running)


@pytest.fixture
def suomifi(
    provider: Provider, keys: tuple[jwk.RSAKey, jwk.RSAKey], clock: Clock
) -> Party:
    return Party(provider.suomifi, clock, *keys)


@pytest.fixture
def staff(
    provider: Provider, keys: tuple[jwk.RSAKey, jwk.RSAKey], clock: Clock
) -> Party:
    return Party(provider.staff, clock, *keys)


async def test_a_patient_is_identified_by_an_encrypted_token(suomifi: Party) -> None:
    _, told = await suomifi.fetch(suomifi.form(await suomifi.code("sv")))
    algorithms = ["RSA-OAEP", "A128CBC-HS256"]
    sealed = jwe.decrypt_compact(told["id_token"], suomifi.encryption, algorithms)
    assert sealed.headers()["cty"] == "JWT"
    claims = await suomifi.opened((sealed.plaintext or b"").decode())
    expected = persons.person("sv", suomifi.clock().date())
    assert claims[NATIONAL_ID] == expected.national_id.get_secret_value()
    assert claims["urn:oid:2.5.4.4"] == "Testström"
    assert claims["urn:oid:1.3.6.1.5.5.7.9.1"] == "1961-03-14"
    assert claims["iss"] == suomifi.issuer.url
    assert claims["aud"] == "videomottagning"
    assert claims["nonce"] == suomifi.nonce
    assert claims["acr"] == TEST_LEVEL
    assert claims["auth_time"] == suomifi.clock.seconds()


async def test_a_professional_is_identified_with_their_units(staff: Party) -> None:
    _, told = await staff.fetch(staff.form(await staff.code("colleague")))
    claims = await staff.opened(told["id_token"])
    assert claims["sub"] == "p-2"
    assert claims["name"] == "Testi-Hoitaja Testonen"
    assert claims["units"] == ["unit-1"]
    assert NATIONAL_ID not in claims


async def test_the_browser_comes_back_with_state_and_issuer(suomifi: Party) -> None:
    back = await visitor.choose(suomifi.good_location(), "sv")
    assert back.startswith(f"{CALLBACK}?")
    assert _query(back)["state"] == suomifi.state
    assert _query(back)["iss"] == suomifi.issuer.url


async def test_who_cancels_comes_back_without_a_code(suomifi: Party) -> None:
    back = _query(await visitor.cancel(suomifi.good_location()))
    assert back == {
        "error": "access_denied",
        "state": suomifi.state,
        "iss": suomifi.issuer.url,
    }


@pytest.mark.parametrize(
    ("language", "words"),
    [("sv", "inte Suomi.fi"), ("fi", "ei ole Suomi.fi"), ("en fi", "not Suomi.fi")],
)
async def test_the_page_says_in_each_language_that_it_is_not_real(
    suomifi: Party, language: str, words: str
) -> None:
    request = suomifi.sign({**suomifi.request(), "ui_locales": language})
    async with ClientSession() as http, http.get(suomifi.location(request)) as answer:
        page = await answer.text()
    assert words in page
    assert f'<html lang="{language[:2]}">' in page
    for each in persons.persons(suomifi.clock().date()):
        assert f'data-person="{each.key}"' in page
        assert each.national_id.get_secret_value() not in page


async def test_the_discovery_document_names_every_door(suomifi: Party) -> None:
    path = "/.well-known/openid-configuration"
    async with ClientSession() as http, http.get(suomifi.issuer.url + path) as answer:
        told = await answer.json()
    assert told["issuer"] == suomifi.issuer.url
    assert told["token_endpoint"] == suomifi.issuer.token_endpoint
    assert told["id_token_encryption_alg_values_supported"] == ["RSA-OAEP"]


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        ({"redirect_uri": "https://elsewhere.example/"}, "invalid_request"),
        ({"redirect_uri": CALLBACK + "/more"}, "invalid_request"),
        ({"client_id": "another"}, "invalid_request_object"),
    ],
)
async def test_a_request_for_another_place_is_not_sent_anywhere(
    suomifi: Party, spoiled: Claims, code: str
) -> None:
    request = suomifi.sign({**suomifi.request(), **spoiled})
    with pytest.raises(visitor.NotWelcome) as refused:
        await visitor.choose(suomifi.location(request), "sv")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        ({"iss": "another"}, "invalid_request_object"),
        ({"aud": "https://another.example"}, "invalid_request_object"),
        ({"exp": 0}, "invalid_request_object"),
        ({"exp": None}, "invalid_request_object"),
        ({"exp": 4102444800}, "invalid_request_object"),
        ({"nbf": 4102444800}, "invalid_request_object"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"nonce": None}, "invalid_request"),
    ],
)
async def test_a_careless_request_comes_back_with_an_error(
    suomifi: Party, spoiled: Claims, code: str
) -> None:
    request = suomifi.sign({**suomifi.request(), **spoiled})
    back = _query(await visitor.choose(suomifi.location(request), "sv"))
    assert back["error"] == code
    assert back["state"] == suomifi.state


async def test_a_request_is_taken_once(suomifi: Party) -> None:
    location = suomifi.good_location()
    await visitor.choose(location, "sv")
    again = _query(await visitor.choose(location, "sv"))
    assert again["error"] == "invalid_request_object"


async def test_a_request_with_a_wrong_signature_is_refused(suomifi: Party) -> None:
    foreign = jwk.RSAKey.generate_key(2048, {"kid": suomifi.signing.kid or ""})
    unsigned = _unsigned(suomifi.request())
    told = suomifi.encryption.as_dict(private=True)
    encryption = jwk.RSAKey.import_key({k: told[k] for k in told if k != "use"})
    by_encryption_key = suomifi.sign(suomifi.request(), encryption)
    by_stranger = suomifi.sign(suomifi.request(), foreign)
    for request in (unsigned, by_encryption_key, by_stranger, "", "a.b.c"):
        with pytest.raises(visitor.NotWelcome) as refused:
            await visitor.choose(suomifi.location(request), "sv")
        assert refused.value.code == "invalid_request_object"


def _unsigned(claims: Claims) -> str:
    parts = (b'{"alg":"none"}', json.dumps(claims).encode(), b"")
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


async def test_an_unknown_client_is_refused(suomifi: Party) -> None:
    location = suomifi.good_location().replace("client_id=video", "client_id=other")
    with pytest.raises(visitor.NotWelcome) as refused:
        await visitor.choose(location, "sv")
    assert refused.value.code == "unauthorized_client"


async def test_a_code_is_taken_once(suomifi: Party) -> None:
    code = await suomifi.code("sv")
    assert (await suomifi.fetch(suomifi.form(code)))[0] == 200
    status, told = await suomifi.fetch(suomifi.form(code))
    assert (status, told["error"]) == (400, "invalid_grant")


async def test_a_code_is_good_for_a_minute(suomifi: Party) -> None:
    code = await suomifi.code("sv")
    suomifi.clock.time += timedelta(seconds=60)
    status, told = await suomifi.fetch(suomifi.form(code))
    assert (status, told["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("spoiled", "error"),
    [
        ({"code": "made up"}, "invalid_grant"),
        ({"redirect_uri": "https://elsewhere.example/"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion": ""}, "invalid_client"),
        ({"client_assertion_type": "basic"}, "invalid_client"),
    ],
)
async def test_a_careless_token_request_is_refused(
    suomifi: Party, spoiled: dict[str, str], error: str
) -> None:
    form = {**suomifi.form(await suomifi.code("sv")), **spoiled}
    assert (await suomifi.fetch(form))[1]["error"] == error


@pytest.mark.parametrize(
    "spoiled",
    [
        {"iss": "another"},
        {"sub": "another"},
        {"aud": "https://another.example/token"},
        {"exp": 0},
        {"jti": None},
    ],
)
async def test_a_client_that_does_not_prove_itself_is_refused(
    suomifi: Party, spoiled: Claims
) -> None:
    form = suomifi.form(await suomifi.code("sv"))
    form["client_assertion"] = suomifi.sign({**suomifi.assertion(), **spoiled})
    status, told = await suomifi.fetch(form)
    assert (status, told["error"]) == (401, "invalid_client")


async def test_a_proof_is_taken_once(suomifi: Party) -> None:
    form = suomifi.form(await suomifi.code("sv"))
    await suomifi.fetch(form)
    again = {**form, "code": await suomifi.code("sv")}
    assert (await suomifi.fetch(again))[1]["error"] == "invalid_client"


async def test_a_code_of_one_issuer_is_nothing_at_the_other(
    suomifi: Party, staff: Party
) -> None:
    code = await suomifi.code("sv")
    assert (await staff.fetch(staff.form(code)))[1]["error"] == "invalid_grant"


async def test_nobody_else_can_open_the_token(suomifi: Party) -> None:
    _, told = await suomifi.fetch(suomifi.form(await suomifi.code("sv")))
    with pytest.raises(JoseError):
        jwe.decrypt_compact(
            told["id_token"], _new_key("enc"), ["RSA-OAEP", "A128CBC-HS256"]
        )
    with pytest.raises(JoseError):
        jws.extract_compact(told["id_token"].encode())
