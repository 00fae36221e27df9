"""What was agreed with one provider is kept to, and what was not is not taken."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from jose import jwt as jose_jwt

from services.identity.domain import (
    IdentificationCancelled,
    IdentificationFailed,
    Why,
)
from services.identity.oidc.profile import Algorithms, Asking
from tests.identity.people import Clock
from tests.identity.provider import (
    LEVEL,
    QUESTION,
    Provider,
    client,
    own_key,
    provider,
)
from tests.identity.test_oidc import signed_by

CODE = {"code": "the-code", "state": QUESTION.state}
NETWORK = Algorithms(("RS256",), ("RSA-OAEP",), ("A128CBC-HS256",))


@pytest_asyncio.fixture(loop_scope="session")
async def theirs(clock: Clock) -> AsyncIterator[Provider]:
    async with provider(clock) as made:
        yield made


def query_of(location: str) -> dict[str, str]:
    return {name: one for name, (one,) in parse_qs(urlsplit(location).query).items()}


def read(request: str) -> dict[str, Any]:
    return jose_jwt.get_unverified_claims(request)


@pytest.mark.parametrize(
    ("used", "why"),
    [
        (("PS256", "RSA-OAEP", "A128CBC-HS256"), Why.NOT_VERIFIED),
        (("RS256", "RSA-OAEP-256", "A128CBC-HS256"), Why.NOT_OPENED),
        (("RS256", "RSA-OAEP", "A256GCM"), Why.NOT_OPENED),
        (("RS256", "RSA-OAEP", "A128GCM"), Why.NOT_OPENED),
    ],
)
async def test_an_algorithm_that_was_not_agreed_is_not_taken(
    theirs: Provider, clock: Clock, used: tuple[str, str, str], why: Why
) -> None:
    signature, alg, enc = used
    theirs.published = [{**each, "alg": signature} for each in theirs.published]
    theirs.token = theirs.sealed(
        theirs.signed(theirs.claims(), alg=signature), alg, enc
    )
    with pytest.raises(IdentificationFailed) as failed:
        await client(theirs.url, clock, algorithms=NETWORK).claims(CODE, QUESTION)
    assert failed.value.why is why
    assert await client(theirs.url, clock).claims(CODE, QUESTION)


async def test_a_pushed_request_leaves_only_its_name_in_the_address(
    theirs: Provider, clock: Clock
) -> None:
    us = client(theirs.url, clock, asking=Asking(pushed_to=f"{theirs.url}/par"))
    query = query_of(await us.location(QUESTION, "fi"))
    assert query == {"client_id": "us", "request_uri": "urn:example:1"}
    (form,) = theirs.forms
    assert read(form["request"])["state"] == QUESTION.state
    ours = own_key("signing", "sig").public
    assertion = signed_by(ours, form["client_assertion"], f"{theirs.url}/token")
    assert assertion["sub"] == "us"


@pytest.mark.parametrize("answer", [{}, [], {"request_uri": 7}, None])
async def test_a_pushed_request_that_is_not_taken_sends_nobody_anywhere(
    theirs: Provider, clock: Clock, answer: object
) -> None:
    us = client(theirs.url, clock, asking=Asking(pushed_to=f"{theirs.url}/par"))
    theirs.pushed = answer
    with pytest.raises(IdentificationFailed):
        await us.location(QUESTION, "fi")
    theirs.status = 400
    with pytest.raises(IdentificationFailed):
        await us.location(QUESTION, "fi")


async def test_a_request_holds_what_was_agreed_and_no_more(
    theirs: Provider, clock: Clock
) -> None:
    bare = Asking(pkce=False, max_age=False)
    us = client(theirs.url, clock, asking=bare)
    told = read(query_of(await us.location(QUESTION, "fi"))["request"])
    assert not {*("code_challenge", "max_age", "prompt", "ftn_spname", "claims")} & set(
        told
    )
    full = Asking(prompt="consent", service_name="Videovastaanotto", insists=True)
    us = client(theirs.url, clock, asking=full)
    told = read(query_of(await us.location(QUESTION, "fi"))["request"])
    assert (told["prompt"], told["ftn_spname"]) == ("consent", "Videovastaanotto")
    assert told["max_age"] == 1920
    assert LEVEL in told["claims"]["id_token"]["acr"]["values"]


async def test_without_pkce_no_verifier_is_sent(theirs: Provider, clock: Clock) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    us = client(theirs.url, clock, asking=Asking(pkce=False))
    await us.claims(CODE, QUESTION)
    assert "code_verifier" not in theirs.forms[0]


async def test_we_sign_with_what_was_agreed_and_for_whom(
    theirs: Provider, clock: Clock
) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    us = client(
        theirs.url,
        clock,
        algorithms=Algorithms(ours="PS256"),
        assertion_audience=theirs.url,
        assertion_lasts=300,
    )
    await us.claims(CODE, QUESTION)
    said = theirs.forms[0]["client_assertion"]
    assert jose_jwt.get_unverified_header(said)["alg"] == "PS256"
    assert read(said)["aud"] == theirs.url
    assert read(said)["exp"] - read(said)["iat"] == 300


async def test_a_word_for_cancelled_that_was_not_agreed_is_a_failure(
    theirs: Provider, clock: Clock
) -> None:
    us = client(theirs.url, clock, cancelled=frozenset({"cancel"}))
    with pytest.raises(IdentificationCancelled):
        await us.claims({"error": "cancel"}, QUESTION)
    with pytest.raises(IdentificationFailed):
        await us.claims({"error": "access_denied"}, QUESTION)


async def test_where_the_provider_names_itself_an_answer_without_a_name_is_not_taken(
    theirs: Provider, clock: Clock
) -> None:
    theirs.token = theirs.sealed(theirs.signed(theirs.claims()))
    us = client(theirs.url, clock, names_itself=True)
    for answer in (CODE, {"error": "access_denied"}):
        with pytest.raises(IdentificationFailed) as failed:
            await us.claims(answer, QUESTION)
        assert failed.value.about == "iss"
    assert theirs.forms == []
    assert await us.claims({**CODE, "iss": theirs.url}, QUESTION)


async def test_a_token_that_was_authorised_for_another_is_not_believed(
    theirs: Provider, clock: Clock
) -> None:
    us = client(theirs.url, clock)
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(azp="them")))
    with pytest.raises(IdentificationFailed) as failed:
        await us.claims(CODE, QUESTION)
    assert failed.value.about == "azp"
    theirs.token = theirs.sealed(theirs.signed(theirs.claims(azp="us")))
    assert await us.claims(CODE, QUESTION)


def test_the_way_out_names_nobody(clock: Clock) -> None:
    us = client(
        "https://idp.example",
        clock,
        end_session_endpoint="https://idp.example/end",
        after_logout="https://video.example/",
    )
    assert us.leads_out
    farewell = us.farewell("sv")
    assert farewell is not None
    assert query_of(farewell) == {
        "client_id": "us",
        "ui_locales": "sv",
        "post_logout_redirect_uri": "https://video.example/",
    }
    without = client("https://idp.example", clock)
    assert not without.leads_out
    assert without.farewell("sv") is None
