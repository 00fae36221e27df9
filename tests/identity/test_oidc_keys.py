"""Keys change, on our side and on theirs, and nobody who is on their way is lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwe, jwt
from joserfc.jwk import RSAKey

from chassis.refusal import Unavailable
from services.identity.domain import IdentificationFailed, NotOpened, Why
from services.identity.oidc.keys import (
    KEYS_LAST,
    Fetch,
    OwnKeys,
    ProviderKeys,
    Ring,
    fetching_signed,
    pinned,
    ring,
)
from tests.identity.people import Clock, rsa_pem
from tests.identity.provider import (
    QUESTION,
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


def sealed_for(name: str) -> str:
    header = {"alg": "RSA-OAEP", "enc": "A128GCM"}
    return jwe.encrypt_compact(header, b"a secret", own_key(name, "enc").key)


def test_what_was_sealed_for_the_key_before_or_after_is_opened() -> None:
    keys = ring("enc", rsa_pem("today"), rsa_pem("before"), None, rsa_pem("next"))
    for name in ("today", "before", "next"):
        assert keys.opened(sealed_for(name)) == "a secret"
    with pytest.raises(NotOpened):
        keys.opened(sealed_for("long ago"))


def test_all_keys_that_may_have_signed_are_published_and_one_that_others_encrypt_for() -> (
    None
):
    signing = ring("sig", rsa_pem("s-today"), rsa_pem("s-before"), rsa_pem("s-next"))
    encryption = ring("enc", rsa_pem("today"), rsa_pem("before"), rsa_pem("next"))
    published = OwnKeys(signing, encryption).public
    assert [each["use"] for each in published] == ["sig", "sig", "sig", "enc"]
    names = {each["kid"] for each in published}
    assert len(names) == 4
    assert own_key("today", "enc").public["kid"] in names
    assert own_key("before", "enc").public["kid"] not in names
    assert not any("d" in each for each in published)


async def test_signatures_are_made_with_todays_key(
    theirs: Provider, clock: Clock
) -> None:
    us = client(theirs.url, clock)
    location = await us.location(QUESTION, "sv")
    request = location.partition("request=")[2]
    token = jwt.decode(request, own_key("signing", "sig").key)
    assert token.header["kid"] == own_key("signing", "sig").public["kid"]


async def test_a_key_in_the_settings_is_never_asked_for(
    theirs: Provider, clock: Clock
) -> None:
    known = json.dumps({"keys": theirs.published})
    us = client(theirs.url, clock, fetch=pinned(known))
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    assert await us.claims(CODE, QUESTION)
    assert theirs.keys_asked == 0
    another = theirs.signed(theirs.claims(), rsa_key("another"))
    theirs.token = theirs.sealed(another)
    assert await why(us) is Why.UNKNOWN_KEY


async def why(us: Any) -> Why:
    with pytest.raises(IdentificationFailed) as failed:
        await us.claims(CODE, QUESTION)
    return failed.value.why


def stated(theirs: Provider, key: RSAKey | None = None, **changes: Any) -> str:
    """The provider's key set as its long-lived entity key signs it."""
    at = int(theirs.clock().timestamp())
    claims = {
        "iss": theirs.url,
        "sub": theirs.url,
        "iat": at,
        "exp": at + 86_400,
        "keys": theirs.published,
        **changes,
    }
    used = key or entity()
    used.ensure_kid()
    header = {"alg": "RS256", "kid": used.kid, "typ": "jwk-set+jwt"}
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(header, told, used)


def entity() -> RSAKey:
    return rsa_key("entity")


def by_hand(theirs: Provider, clock: Clock) -> Fetch:
    known = json.dumps({"keys": [public(entity(), "RS256")]})
    return fetching_signed(f"{theirs.url}/signed-keys", known, theirs.url, clock)


@pytest.mark.parametrize("shape", ["key set", "entity statement"])
async def test_a_key_set_that_the_entity_has_signed_is_taken(
    theirs: Provider, clock: Clock, shape: str
) -> None:
    us = client(theirs.url, clock, fetch=by_hand(theirs, clock))
    metadata = {"openid_provider": {"jwks": {"keys": theirs.published}}}
    theirs.signed_keys = stated(theirs)
    if shape == "entity statement":
        theirs.signed_keys = stated(theirs, keys=None, metadata=metadata)
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    assert await us.claims(CODE, QUESTION)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"sub": "https://another.example"},
        {"iss": None},
        {"iat": None},
        {"exp": 1},
        {"keys": None},
        {"keys": None, "metadata": {}},
        {"keys": None, "metadata": {"openid_provider": {}}},
        {"keys": None, "jwks": {"keys": []}},
    ],
)
async def test_a_key_set_that_does_not_hold_is_not_taken(
    theirs: Provider, clock: Clock, changes: Mapping[str, Any]
) -> None:
    us = client(theirs.url, clock, fetch=by_hand(theirs, clock))
    theirs.signed_keys = stated(theirs, **changes)
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    assert await why(us) is Why.PROVIDER_AWAY


async def test_a_key_set_that_another_has_signed_is_not_taken(
    theirs: Provider, clock: Clock
) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    plain = json.dumps({"keys": theirs.published})
    for answer in (stated(theirs, rsa_key("another")), plain, "", "a.b.c"):
        us = client(theirs.url, clock, fetch=by_hand(theirs, clock))
        theirs.signed_keys = answer
        assert await why(us) is Why.PROVIDER_AWAY


async def test_a_signed_key_set_is_asked_for_again_when_a_key_is_new(
    theirs: Provider, clock: Clock
) -> None:
    us = client(theirs.url, clock, fetch=by_hand(theirs, clock))
    theirs.signed_keys = stated(theirs)
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    await us.claims(CODE, QUESTION)
    newer = rsa_key("newer")
    theirs.published = [*theirs.published, public(newer, "RS256")]
    theirs.signed_keys = stated(theirs)
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(), newer))
    clock.forward(seconds=11)
    assert await us.claims(CODE, QUESTION)
    assert theirs.keys_asked == 2


def test_a_ring_does_not_print_its_keys() -> None:
    assert "PRIVATE" not in repr(Ring(own_key("today", "enc")))
    assert "Ring()" in repr(Ring(own_key("today", "enc")))


class Slowly:
    """A provider's key set, which takes its time to come, or does not come at all."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.asked = 0
        self.away = False

    async def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.away:
            raise Unavailable("The key set cannot be had.")
        return {"keys": [public(rsa_key(each), "RS256") for each in self.names]}


async def test_those_who_come_together_with_a_new_key_wait_for_the_same_key_set(
    clock: Clock,
) -> None:
    published = Slowly("provider")
    keys = ProviderKeys(published, clock)
    name = public(rsa_key("provider"), "RS256")["kid"]
    found = await asyncio.gather(*(keys.key(name) for _ in range(5)))
    assert [each.kid for each in found] == [name] * 5
    assert published.asked == 1


async def test_a_known_key_holds_while_an_old_key_set_cannot_be_had_anew(
    clock: Clock,
) -> None:
    published = Slowly("provider")
    keys = ProviderKeys(published, clock)
    name = public(rsa_key("provider"), "RS256")["kid"]
    await keys.key(name)
    clock.forward(seconds=KEYS_LAST.total_seconds() + 1)
    published.away = True
    assert (await keys.key(name)).kid == name
    published.away, published.names = False, ["newer"]
    clock.forward(seconds=11)
    with pytest.raises(IdentificationFailed):
        await keys.key(name)
