"""The county's provider says that a session has ended, server to server."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession

from dev.idp.keys import new_key
from dev.idp.visitor import choose
from services.identity import store
from services.identity.staff_flows import LOGOUTS_KEPT
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.test_staff import session

EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}
STAFF_DOOR = "/identity/staff/backchannel-logout"


async def logged_in(town: Town, sid: str) -> Browser:
    town.spoil = {"sid": sid}
    browser = town.browser()
    await browser.lands(await choose(await browser.staff_login(), "professional"))
    return browser


def said(town: Town, **changes: Any) -> dict[str, Any]:
    at = int(town.clock().timestamp())
    told = {
        "iss": f"{town.around.idp_url}/staff",
        "aud": "videomottagning-staff",
        "iat": at,
        "exp": at + 120,
        "jti": str(uuid4()),
        "events": EVENT,
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


async def post(town: Town, form: Mapping[str, str]) -> tuple[int, str]:
    url = f"{town.around.url}{STAFF_DOOR}"
    async with ClientSession() as http, http.post(url, data=form) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.text()


async def tell(town: Town, claims: Mapping[str, Any]) -> int:
    status, _ = await post(town, {"logout_token": town.staff.keys.sign(dict(claims))})
    return status


async def why(town: Town, browser: Browser) -> str | None:
    sid = (await session(town, browser)).sid
    (row,) = await town.rows("SELECT why FROM session WHERE session_id = $1", UUID(sid))
    ended: str | None = row["why"]
    return ended


async def test_a_session_that_ended_there_ends_here(town: Town) -> None:
    this, other = await logged_in(town, "s-1"), await logged_in(town, "s-2")
    assert await tell(town, said(town, sid="s-1", sub="p-1")) == 200
    assert await why(town, this) == "upstream"
    assert await why(town, other) is None
    assert await tell(town, said(town, sid="s-2")) == 200
    assert await why(town, other) == "upstream"


async def test_without_a_session_all_of_this_persons_end(town: Town) -> None:
    ones = [await logged_in(town, f"s-{number}") for number in (3, 4)]
    assert await tell(town, said(town, sub="p-1")) == 200
    assert [await why(town, each) for each in ones] == ["upstream"] * 2


async def test_a_logout_of_a_session_we_do_not_know_is_no_fault(town: Town) -> None:
    assert await tell(town, said(town, sid="never-seen")) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "videomottagning"},
        {"aud": ["videomottagning-staff", "another"]},
        {"aud": None},
        {"iat": None},
        {"iat": 0},
        {"iat": 4_000_000_000},
        {"exp": None},
        {"exp": 0},
        {"jti": None},
        {"jti": 7},
        {"jti": "j" * 201},
        {"events": None},
        {"events": {}},
        {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": "yes"}},
        {"nonce": "n"},
        {"sid": None},
        {"sid": 7},
        {"sid": ""},
    ],
)
async def test_a_logout_that_does_not_hold_ends_nothing(
    town: Town, changes: dict[str, Any]
) -> None:
    browser = await logged_in(town, "s-5")
    assert await tell(town, said(town, **{"sid": "s-5", **changes})) == 400
    assert await why(town, browser) is None


async def test_a_logout_is_heard_once(town: Town) -> None:
    word = said(town, sid="s-6")
    assert await tell(town, word) == 200
    browser = await logged_in(town, "s-6")
    assert await tell(town, word) == 400
    assert await why(town, browser) is None


async def test_a_logout_that_somebody_else_signed_ends_nothing(town: Town) -> None:
    browser = await logged_in(town, "s-7")
    forged = new_key().sign(said(town, sid="s-7"))
    for token in (forged, "", "a.b.c", forged.rpartition(".")[0] + "."):
        assert (await post(town, {"logout_token": token}))[0] == 400
    assert (await post(town, {}))[0] == 400
    assert await why(town, browser) is None


async def test_an_id_token_is_no_logout(town: Town) -> None:
    browser = await logged_in(town, "s-8")
    who = town.staff.find("professional")
    assert who is not None
    id_token = town.staff.signed(who, "n", town.clock())
    assert (await post(town, {"logout_token": id_token}))[0] == 400
    assert await why(town, browser) is None


async def test_what_was_heard_is_forgotten_when_it_cannot_come_again(
    town: Town,
) -> None:
    await tell(town, said(town, sid="s-9"))
    town.clock.forward(hours=2)
    async with town.database.writing() as tx:
        await store.forget_logouts(tx, town.clock() - LOGOUTS_KEPT)
    assert await town.rows("SELECT * FROM heard_logout") == []
