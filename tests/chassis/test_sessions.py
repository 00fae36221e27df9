import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from chassis.refusal import Unavailable
from chassis.sessions import (
    Admission,
    KeySet,
    NoSession,
    SigningKey,
    StaffSession,
    VisitSession,
    fetching,
)
from tests.chassis.conftest import NINE, Watch
from tests.keys import (
    HOUR,
    ORIGIN,
    Published,
    a_professional,
    a_visit,
    pem,
    signing_key,
)


def _set(watch: Watch, *keys: SigningKey) -> tuple[KeySet, Published]:
    published = Published(*keys)
    return KeySet(published, ORIGIN, watch), published


async def test_what_is_signed_is_read_again(watch: Watch) -> None:
    key = signing_key(watch)
    keys, _ = _set(watch, key)
    visit = a_visit(NINE + HOUR)
    staff = a_professional(NINE + HOUR, "u1", "u2")
    assert await keys.check(key.sign(visit), VisitSession) == visit
    assert await keys.check(key.sign(staff), StaffSession) == staff


@pytest.mark.parametrize("text", [None, "", "x", "a.b.c", "ö.ö.ö"])
async def test_nothing_and_nonsense_are_no_session(
    watch: Watch, text: str | None
) -> None:
    keys, _ = _set(watch, signing_key(watch))
    with pytest.raises(NoSession):
        await keys.check(text, VisitSession)


async def test_another_issuers_token_does_not_hold(watch: Watch) -> None:
    key = signing_key(watch, issuer="https://elsewhere.example.fi")
    keys, _ = _set(watch, key)
    with pytest.raises(NoSession):
        await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)


async def test_a_token_of_another_kind_does_not_hold(watch: Watch) -> None:
    key = signing_key(watch)
    keys, _ = _set(watch, key)
    admission = Admission(sub="x", exp=NINE + HOUR, appointment="a-1", role="patient")
    for token in (a_professional(NINE + HOUR, "u1"), admission):
        with pytest.raises(NoSession):
            await keys.check(key.sign(token), VisitSession)


async def test_a_token_ends_by_our_own_clock(watch: Watch) -> None:
    key = signing_key(watch)
    keys, _ = _set(watch, key)
    token = key.sign(a_visit(NINE + HOUR))
    watch.turn(HOUR - timedelta(seconds=1))
    await keys.check(token, VisitSession)
    watch.turn(timedelta(seconds=1))
    with pytest.raises(NoSession):
        await keys.check(token, VisitSession)


def _opened(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _part(value: dict[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_token_without_a_signature_does_not_hold(watch: Watch) -> None:
    key = signing_key(watch)
    keys, _ = _set(watch, key)
    head = _part({"alg": "none", "kid": key.key_id})
    _, claims, _ = key.sign(a_visit(NINE + HOUR)).split(".")
    for signature in ("", "AAAA"):
        with pytest.raises(NoSession):
            await keys.check(f"{head}.{claims}.{signature}", VisitSession)


async def test_a_public_key_is_no_shared_secret(watch: Watch) -> None:
    """The old trick: HS256, with the public key's own text as the secret."""
    key = signing_key(watch)
    keys, _ = _set(watch, key)
    claims = _opened(key.sign(a_visit(NINE + HOUR)))
    public = ECAlgorithm.from_jwk(key.public)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = _hs256(claims, text, key.key_id)
    with pytest.raises(NoSession):
        await keys.check(forged, VisitSession)


def _hs256(claims: dict[str, Any], secret: bytes, key_id: str) -> str:
    import hmac  # noqa: PLC0415 - PyJWT itself refuses to make such a token

    text = f"{_part({'alg': 'HS256', 'kid': key_id})}.{_part(claims)}"
    mac = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def test_one_changed_letter_does_not_hold(watch: Watch) -> None:
    key = signing_key(watch)
    keys, _ = _set(watch, key)
    head, claims, signature = key.sign(a_visit(NINE + HOUR)).split(".")
    padded = urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    other = urlsafe_b64encode(padded.replace(b"a-1", b"a-2")).rstrip(b"=").decode()
    with pytest.raises(NoSession):
        await keys.check(f"{head}.{other}.{signature}", VisitSession)


async def test_the_key_set_is_asked_for_once(watch: Watch) -> None:
    key = signing_key(watch)
    keys, published = _set(watch, key)
    token = key.sign(a_visit(NINE + HOUR))
    for _ in range(5):
        await keys.check(token, VisitSession)
    assert published.asked == 1


async def test_requests_that_come_together_wait_for_the_same_key_set(
    watch: Watch,
) -> None:
    key = signing_key(watch)
    keys, published = _set(watch, key)
    token = key.sign(a_visit(NINE + HOUR))
    await asyncio.gather(*(keys.check(token, VisitSession) for _ in range(5)))
    assert published.asked == 1


async def test_an_unknown_key_is_asked_for_once_and_not_again_at_once(
    watch: Watch,
) -> None:
    key, stranger = signing_key(watch), signing_key(watch)
    keys, published = _set(watch, key)
    await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)
    watch.turn(timedelta(minutes=1))
    for _ in range(5):
        with pytest.raises(NoSession):
            await keys.check(stranger.sign(a_visit(NINE + HOUR)), VisitSession)
    assert published.asked == 2


async def test_a_new_key_is_learnt_when_it_is_met(watch: Watch) -> None:
    old, new = signing_key(watch), signing_key(watch)
    keys, published = _set(watch, old)
    await keys.check(old.sign(a_visit(NINE + HOUR)), VisitSession)
    published.keys.append(new)
    watch.turn(timedelta(minutes=1))
    await keys.check(new.sign(a_visit(NINE + HOUR)), VisitSession)
    await keys.check(old.sign(a_visit(NINE + HOUR)), VisitSession)


async def test_a_new_key_is_learnt_also_right_after_another(watch: Watch) -> None:
    """A service may have started, and asked, in the middle of a roll-out."""
    first, second, third = (signing_key(watch) for _ in range(3))
    keys, published = _set(watch, first)
    for each in (first, second, third):
        published.keys[:] = [each]
        await keys.check(each.sign(a_visit(NINE + HOUR)), VisitSession)
    assert published.asked == 3


async def test_a_key_that_was_withdrawn_is_forgotten_in_time(watch: Watch) -> None:
    old, new = signing_key(watch), signing_key(watch)
    keys, published = _set(watch, old)
    await keys.check(old.sign(a_visit(NINE + HOUR)), VisitSession)
    published.keys[:] = [new]
    watch.turn(timedelta(minutes=11))
    with pytest.raises(NoSession):
        await keys.check(old.sign(a_visit(NINE + HOUR)), VisitSession)


async def test_known_keys_hold_while_their_publisher_is_away(watch: Watch) -> None:
    key = signing_key(watch)
    keys, published = _set(watch, key)
    await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)
    published.away = True
    watch.turn(timedelta(minutes=11))
    await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)


async def test_a_key_set_that_cannot_be_had_is_no_lack_of_a_session(
    watch: Watch,
) -> None:
    """Else everybody would be logged out whenever identity starts a little later."""
    key = signing_key(watch)
    keys, published = _set(watch, key)
    published.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)
    published.away = False
    watch.turn(timedelta(seconds=11))
    await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)


async def test_a_key_of_a_strange_shape_does_not_spoil_the_others(watch: Watch) -> None:
    key = signing_key(watch)

    async def with_strangers() -> dict[str, Any]:
        broken = {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA"}
        other = {"kty": "RSA", "kid": "rsa", "n": "AA", "e": "AQAB"}
        return {"keys": [broken, other, key.public]}

    keys = KeySet(with_strangers, ORIGIN, watch)
    await keys.check(key.sign(a_visit(NINE + HOUR)), VisitSession)


def test_a_signing_key_is_a_p_256_key(watch: Watch) -> None:
    with pytest.raises(TypeError):
        SigningKey(pem(ec.SECP384R1()), ORIGIN, watch)


def test_a_private_key_does_not_print(watch: Watch) -> None:
    key = signing_key(watch)
    assert "d" not in key.public
    assert "PRIVATE" not in repr(key)


async def test_a_key_set_is_fetched_over_http() -> None:
    async def publish(_: web.Request) -> web.Response:
        return web.json_response({"keys": [{"kid": "one"}]})

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("/keys")

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<p>sorry", content_type="text/html")

    app = web.Application()
    app.router.add_get("/keys", publish)
    app.router.add_get("/elsewhere", elsewhere)
    app.router.add_get("/page", page)
    async with TestServer(app) as server:
        assert await fetching(str(server.make_url("/keys")))() == {
            "keys": [{"kid": "one"}]
        }
        for path in ("/elsewhere", "/page", "/nothing"):
            with pytest.raises(Unavailable):
                await fetching(str(server.make_url(path)))()
    with pytest.raises(Unavailable):
        await fetching("http://127.0.0.1:1/keys")()
