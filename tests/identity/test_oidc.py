"""What a provider may say, and what is not believed."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from jose import jwt as jose_jwt
from joserfc.jwk import ECKey

from chassis.sessions import fetching
from dev.programs import free_port
from services.identity.domain import (
    IdentificationCancelled,
    IdentificationFailed,
    Why,
)
from services.identity.oidc.client import ASSERTION, Client
from services.identity.oidc.keys import OwnKey, ProviderKeys
from tests.identity.people import Clock, rsa_pem
from tests.identity.provider import (
    LEVEL,
    QUESTION,
    Claims,
    Provider,
    client,
    own_key,
    provider,
    public,
    rsa_key,
)

CODE = {"code": "the-code", "state": QUESTION.state}


@pytest_asyncio.fixture(loop_scope="session")
async def theirs(clock: Clock) -> AsyncIterator[Provider]:
    async with provider(clock) as made:
        yield made


@pytest.fixture
def us(theirs: Provider, clock: Clock) -> Client:
    return client(theirs.url, clock)


async def why(us: Client, returned: dict[str, str] = CODE) -> tuple[Why, str]:
    """Why the provider's word was not believed."""
    with pytest.raises(IdentificationFailed) as failed:
        await us.claims(returned, QUESTION)
    assert failed.value.__cause__ is None
    return failed.value.why, failed.value.about


def signed_by(key: Any, token: str, audience: str) -> Any:
    """Read by another library than ours; the time is the test's, and not looked at."""
    late = {"verify_exp": False}
    return jose_jwt.decode(token, key, "RS256", late, audience)


def encoded(part: object) -> str:
    text = json.dumps(part).encode()
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(urlsafe_b64decode(part + "=="))


@pytest.mark.parametrize("enc", ["A128CBC-HS256", "A128GCM", "A256GCM"])
@pytest.mark.parametrize("alg", ["RSA-OAEP", "RSA-OAEP-256"])
@pytest.mark.parametrize("signature", ["RS256", "PS256", "ES256"])
async def test_every_algorithm_of_the_trust_network_is_read(
    theirs: Provider, us: Client, signature: str, alg: str, enc: str
) -> None:
    elliptic = signature == "ES256"
    key = ECKey.generate_key("P-256") if elliptic else theirs.key
    theirs.published = [public(key, signature)]
    theirs.token = theirs.sealed(
        theirs.signed(theirs.claims(), key, signature), alg, enc
    )
    assert (await us.claims(CODE, QUESTION))["sub"] == "somebody"


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"iss": "https://another.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "them"}, "aud"),
        ({"aud": ["us", "them"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"acr": "http://ftn.ficora.fi/2017/loatest2"}, "acr"),
        ({"acr": "urn:oid:1.2.246.517.3002.110.7"}, "acr"),
        ({"acr": [LEVEL]}, "acr"),
        ({"acr": None}, "acr"),
        ({"sub": None}, "sub"),
        ({"exp": None}, "exp"),
        ({"exp": "never"}, "exp"),
        ({"iat": None}, "iat"),
        ({"auth_time": None}, "auth_time"),
        ({"auth_time": True}, "auth_time"),
    ],
)
async def test_a_token_with_a_wrong_or_missing_claim_is_not_believed(
    theirs: Provider, us: Client, changes: Claims, claim: str
) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(**changes)))
    assert await why(us) == (Why.WRONG_CLAIM, claim)


@pytest.mark.parametrize(
    ("claim", "off"),
    [
        ("exp", -timedelta(seconds=31)),
        ("iat", timedelta(seconds=31)),
        ("iat", -timedelta(seconds=631)),
        ("auth_time", timedelta(seconds=31)),
        ("auth_time", -timedelta(seconds=1951)),
    ],
)
async def test_a_token_of_another_time_is_not_believed(
    theirs: Provider, us: Client, clock: Clock, claim: str, off: timedelta
) -> None:
    at = int((clock() + off).timestamp())
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(**{claim: at})))
    assert await why(us) == (Why.WRONG_CLAIM, claim)


async def test_two_clocks_may_differ_a_little(
    theirs: Provider, us: Client, clock: Clock
) -> None:
    ahead = int(clock().timestamp()) + 20
    claims = theirs.claims(iat=ahead, auth_time=ahead)
    theirs.token = theirs.sealed(theirs.signed(claims))
    assert await us.claims(CODE, QUESTION)


async def test_where_encryption_was_agreed_a_bare_token_is_not_read(
    theirs: Provider, us: Client
) -> None:
    theirs.token = theirs.signed(theirs.claims())
    assert await why(us) == (Why.NOT_ENCRYPTED, "")


async def test_where_only_a_signature_was_agreed_that_is_enough(
    theirs: Provider, clock: Clock
) -> None:
    theirs.token = theirs.signed(theirs.claims())
    us = client(theirs.url, clock, encrypted=False)
    assert await us.claims(CODE, QUESTION)


async def test_a_token_encrypted_for_somebody_else_is_not_opened(
    theirs: Provider, us: Client
) -> None:
    head, _, *rest = theirs.sealed(theirs.signed(theirs.claims())).split(".")
    theirs.token = ".".join([head, "A" * 342, *rest])
    assert await why(us) == (Why.NOT_OPENED, "")


async def test_a_compressed_token_is_not_opened(theirs: Provider, us: Client) -> None:
    sealed = theirs.sealed(theirs.signed(theirs.claims()))
    head, *rest = sealed.split(".")
    theirs.token = ".".join([encoded({**decoded(head), "zip": "DEF"}), *rest])
    assert await why(us) == (Why.NOT_OPENED, "")


async def test_alg_none_signs_nothing(theirs: Provider, us: Client) -> None:
    kid = theirs.published[0]["kid"]
    for header in ({"alg": "none", "kid": kid}, {"alg": "none"}, {"alg": "NONE"}):
        theirs.token = theirs.sealed(f"{encoded(header)}.{encoded(theirs.claims())}.")
        assert await why(us) == (Why.NOT_VERIFIED, "")


async def test_a_public_key_is_no_shared_secret(theirs: Provider, us: Client) -> None:
    header = {"alg": "HS256", "kid": theirs.published[0]["kid"]}
    signed = f"{encoded(header)}.{encoded(theirs.claims())}"
    pem = theirs.key.as_pem(private=False)
    mac = hmac.digest(pem, signed.encode(), sha256)
    theirs.token = theirs.sealed(
        f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    )
    assert await why(us) == (Why.NOT_VERIFIED, "")


async def test_a_shared_secret_among_the_published_keys_is_no_key(
    theirs: Provider, us: Client
) -> None:
    secret = "a-secret-that-everybody-knows-by-now"
    theirs.published = [
        {"kty": "oct", "kid": "o", "k": encoded(secret), "alg": "HS256"}
    ]
    token = jose_jwt.encode(theirs.claims(), secret, "HS256", {"kid": "o"})
    theirs.token = theirs.sealed(token)
    assert await why(us) == (Why.NOT_VERIFIED, "")


async def test_a_key_for_encryption_verifies_no_signature(
    theirs: Provider, us: Client
) -> None:
    theirs.published = [{**public(theirs.key, "RS256"), "use": "enc"}]
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    assert await why(us) == (Why.UNKNOWN_KEY, "")


async def test_an_unknown_key_is_asked_for_once_and_then_not_again_for_a_while(
    theirs: Provider, us: Client, clock: Clock
) -> None:
    another = rsa_key("another")
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(), another))
    assert await why(us) == (Why.UNKNOWN_KEY, "")
    assert await why(us) == (Why.UNKNOWN_KEY, "")
    assert theirs.keys_asked == 1
    theirs.published = [public(another, "RS256")]
    clock.forward(seconds=11)
    assert await us.claims(CODE, QUESTION)
    assert theirs.keys_asked == 2


async def test_a_key_that_follows_at_once_is_asked_for_at_once(
    theirs: Provider, us: Client
) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    await us.claims(CODE, QUESTION)
    newer = rsa_key("newer")
    theirs.published = [*theirs.published, public(newer, "RS256")]
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(), newer))
    assert await us.claims(CODE, QUESTION)
    assert theirs.keys_asked == 2


async def test_another_key_under_a_known_name_verifies_nothing(
    theirs: Provider, us: Client
) -> None:
    another = rsa_key("another")
    head, *rest = theirs.signed(theirs.claims(), another).split(".")
    named = encoded({**decoded(head), "kid": theirs.published[0]["kid"]})
    theirs.token = theirs.sealed(".".join([named, *rest]))
    assert await why(us) == (Why.NOT_VERIFIED, "")


async def test_a_changed_claim_breaks_the_signature(
    theirs: Provider, us: Client
) -> None:
    head, _, signature = theirs.signed(theirs.claims()).split(".")
    changed = encoded(theirs.claims(sub="somebody else"))
    theirs.token = theirs.sealed(f"{head}.{changed}.{signature}")
    assert await why(us) == (Why.NOT_VERIFIED, "")


@pytest.mark.parametrize("token", ["", "a.b.c.d.e", "....", "ü" * 9, None, 7, ["x"]])
async def test_nonsense_is_refused(theirs: Provider, us: Client, token: object) -> None:
    theirs.token = token
    reason, _ = await why(us)
    assert reason in (Why.NO_TOKEN, Why.NOT_ENCRYPTED, Why.NOT_OPENED)


@pytest.mark.parametrize("inside", ["", "..", "a.b.c", "nothing at all", "ü"])
async def test_nonsense_that_is_well_wrapped_is_refused(
    theirs: Provider, us: Client, inside: str
) -> None:
    theirs.token = theirs.sealed(inside)
    assert (await why(us))[0] in (Why.NOT_OPENED, Why.NOT_VERIFIED)


@pytest.mark.parametrize("status", [302, 400, 401, 500])
async def test_a_provider_that_refuses_the_code_is_a_failure_and_no_crash(
    theirs: Provider, us: Client, status: int
) -> None:
    theirs.status = status
    assert await why(us) == (Why.PROVIDER_SAID_NO, "")


async def test_a_provider_that_is_away_is_a_failure_and_no_crash(
    theirs: Provider, clock: Clock
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert await why(client(nobody, clock)) == (Why.PROVIDER_AWAY, "")
    keys = ProviderKeys(fetching(f"{nobody}/keys"), clock)
    with pytest.raises(IdentificationFailed) as failed:
        await keys.key(theirs.published[0]["kid"])
    assert failed.value.why is Why.PROVIDER_AWAY


@pytest.mark.parametrize("spelling", ["access_denied", "cancel"])
async def test_both_spellings_of_cancelled_are_understood(
    us: Client, spelling: str
) -> None:
    with pytest.raises(IdentificationCancelled):
        await us.claims({"error": spelling, "error_description": "x"}, QUESTION)


async def test_an_answer_without_a_code_or_of_another_issuer_is_a_failure(
    theirs: Provider, us: Client
) -> None:
    assert await why(us, {}) == (Why.NO_CODE, "")
    assert await why(us, {"error": "server_error"}) == (Why.PROVIDER_SAID_NO, "")
    mixed_up = {**CODE, "iss": "https://another.example"}
    assert await why(us, mixed_up) == (Why.WRONG_CLAIM, "iss")
    assert theirs.forms == []


async def test_all_that_is_asked_stands_in_a_signed_request(
    theirs: Provider, us: Client
) -> None:
    place = urlsplit(await us.location(QUESTION, "sv"))
    query = {name: one for name, (one,) in parse_qs(place.query).items()}
    ours = own_key("signing", "sig").public
    asked = signed_by(ours, query["request"], theirs.url)
    assert query.keys() == {"client_id", "request"}
    assert jose_jwt.get_unverified_header(query["request"])["kid"] == ours["kid"]
    assert asked["exp"] - asked["iat"] <= 600
    challenge = sha256(QUESTION.verifier.encode()).digest()
    assert urlsafe_b64decode(asked["code_challenge"] + "=") == challenge
    assert {name: asked[name] for name in ("state", "nonce", "ui_locales")} == {
        "state": QUESTION.state,
        "nonce": QUESTION.nonce,
        "ui_locales": "sv",
    }
    assert LEVEL in asked["acr_values"].split()
    assert QUESTION.verifier not in place.query


async def test_we_prove_who_we_are_with_a_key_and_once(
    theirs: Provider, us: Client
) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    await us.claims(CODE, QUESTION)
    await us.claims(CODE, QUESTION)
    ours = own_key("signing", "sig").public
    claims = [
        signed_by(ours, form["client_assertion"], f"{theirs.url}/token")
        for form in theirs.forms
    ]
    assert all(each["exp"] - each["iat"] <= 60 for each in claims)
    assert len({each["jti"] for each in claims}) == 2
    assert (
        {each["iss"] for each in claims} == {each["sub"] for each in claims} == {"us"}
    )
    assert theirs.forms[0]["client_assertion_type"] == ASSERTION
    assert theirs.forms[0]["code_verifier"] == QUESTION.verifier


def test_our_published_keys_are_public_keys_and_say_what_for() -> None:
    for use in ("sig", "enc"):
        key = own_key("signing", use).public
        assert key.keys() == {"kty", "n", "e", "use", "kid"}
        assert key["use"] == use


def test_a_key_of_ours_that_is_too_small_is_refused() -> None:
    with pytest.raises(TypeError, match="2048"):
        OwnKey(rsa_pem("small", 1024), "sig")
