"""Someone goes on on another device: once, within a minute, and it is noted."""

from dataclasses import replace
from html import unescape
from secrets import token_urlsafe
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from pydantic import SecretStr

from chassis.sessions import KeySet, SigningKey, VisitSession, fetching
from services.identity.handover_doors import drawn
from services.identity.handovers import Handovers
from tests.identity.browser import Answer, Browser
from tests.identity.conftest import Town
from tests.identity.test_login import VISIT, audited, invited, session
from tests.identity.test_renewal import ENDS, ends, renewed
from tests.identity.test_sessions import entered, sessions_of


async def shows(town: Town, browser: Browser) -> str:
    """The code, as a camera would read it from the picture."""
    origin = town.around.url
    keys = KeySet(fetching(f"{origin}/identity/jwks.json"), origin, town.clock)
    signing = SigningKey(SecretStr(town.around.secrets.session_key), origin, town.clock)
    sessions = replace(sessions_of(town), signing=signing)
    handovers = Handovers(town.database, town.clock, keys, sessions, token_urlsafe)
    token = await keys.recognise(browser.cookies[VISIT], VisitSession)
    code = await handovers.begin(token)
    return code.get_secret_value()


async def takes(browser: Browser, code: str) -> Answer:
    return await browser.post("/identity/handover/taken", {"code": code})


async def over(browser: Browser, code: str) -> bool:
    answer = await takes(browser, code)
    assert VISIT not in answer.cookies
    return (answer.status, answer.said["code"]) == (403, "handover_over")


async def was_taken(browser: Browser) -> bool:
    answer = await browser.get("/identity/handover")
    return bool(answer.said["taken"])


async def test_the_other_device_has_a_session_of_its_own_with_the_same_end(
    town: Town,
) -> None:
    appointment_id, link = await invited(town)
    here, there = await entered(town, link), town.browser()
    code = await shows(town, here)
    assert not await was_taken(here)
    assert ends(await takes(there, code)) == ENDS
    assert await was_taken(here)

    first, second = await session(town, here), await session(town, there)
    assert first.sid != second.sid
    assert second.model_copy(update={"sid": first.sid}) == first
    assert (await audited(town, appointment_id))[-1] == {
        "what": "handed_over",
        "who": first.sub,
        "code": None,
        "role": None,
    }
    await there.post("/identity/logout")
    assert (await renewed(here)).status == 200


async def test_a_code_is_good_once(town: Town) -> None:
    _, link = await invited(town)
    code = await shows(town, await entered(town, link))
    assert (await takes(town.browser(), code)).status == 200
    assert await over(town.browser(), code)


async def test_a_code_is_good_for_a_minute(town: Town) -> None:
    _, link = await invited(town)
    code = await shows(town, await entered(town, link))
    town.clock.forward(seconds=61)
    assert await over(town.browser(), code)


async def test_a_new_code_puts_the_one_before_out_of_use(town: Town) -> None:
    _, link = await invited(town)
    here = await entered(town, link)
    before = await shows(town, here)
    code = await shows(town, here)
    assert await over(town.browser(), before)
    assert (await takes(town.browser(), code)).status == 200


@pytest.mark.parametrize("code", ["", "nobodys", "ä" * 40])
async def test_a_code_that_nobody_gave_opens_nothing(town: Town, code: str) -> None:
    assert await over(town.browser(), code)


async def test_who_is_out_hands_nothing_over(town: Town) -> None:
    _, link = await invited(town)
    here = await entered(town, link)
    code = await shows(town, here)
    token = here.cookies[VISIT]
    await here.post("/identity/logout")
    refused = await takes(town.browser(), code)
    assert (refused.status, refused.said["code"]) == (401, "no_session")
    here.cookies[VISIT] = token
    assert (await here.post("/identity/handover")).status == 401
    assert (await town.browser().post("/identity/handover")).status == 401


async def test_nothing_changes_but_by_our_own_page(town: Town) -> None:
    _, link = await invited(town)
    here = await entered(town, link)
    code = await shows(town, here)
    foreign = await town.browser().post(
        "/identity/handover/taken", {"code": code}, Origin="https://evil.example"
    )
    assert foreign.said["code"] == "wrong_origin"
    assert (await takes(town.browser(), code)).status == 200


async def test_logging_out_everywhere_reaches_the_other_device(town: Town) -> None:
    _, link = await invited(town)
    here, there = await entered(town, link), town.browser()
    code = await shows(town, here)
    await takes(there, code)
    await here.post("/identity/logout", {"everywhere": True})
    assert (await renewed(there)).status == 401


async def test_neither_code_nor_token_is_kept_or_logged(town: Town) -> None:
    _, link = await invited(town)
    here = await entered(town, link)
    code = await shows(town, here)
    rows = await town.rows("SELECT code_digest, sealed FROM handover")
    kept = b"".join(row["code_digest"] + row["sealed"] for row in rows)
    token = here.cookies[VISIT]
    for secret in (code.encode(), token.encode(), token.split(".")[1].encode()):
        assert secret not in kept
    await takes(town.browser(), code)
    assert code not in town.logged


async def test_the_page_is_given_a_picture_and_no_words(town: Town) -> None:
    _, link = await invited(town)
    here = await entered(town, link)
    answer = await here.post("/identity/handover")
    assert answer.said.keys() == {"picture", "seconds"}
    assert answer.said["seconds"] == 60
    assert answer.said["picture"].startswith("data:image/svg+xml")


def test_the_picture_is_an_image_that_says_nothing_in_words() -> None:
    picture = drawn("https://video.example.fi/h/0123456789abcdef")
    kind, _, text = unescape(picture).partition(",")
    assert kind.startswith("data:image/svg+xml")
    root = ET.fromstring(unquote(text))  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert "0123456789abcdef" not in unquote(text)
