"""A guardian identifies as themselves, and enters by an act of their own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from secrets import token_urlsafe

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dev.idp.visitor import choose
from dev.persons import person
from services.identity.domain import NotOpened
from services.identity.seals import Seal
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.people import TEN, TODAY, booked, cancelled
from tests.identity.test_login import (
    VISIT,
    audited,
    code,
    invited,
    said_of,
    session,
)

ACT = "__Host-act"
EXPIRED = (403, "identification_expired")


@pytest_asyncio.fixture(loop_scope="session")
async def asked(town: Town) -> AsyncIterator[tuple[str, Browser]]:
    """A guardian of a child of 8 has identified and is asked."""
    appointment_id, link = await invited(town, "child-8", "guardian")
    browser = town.browser()
    back = await choose(await browser.login(link), "guardian")
    assert await browser.lands(back) == "/acting"
    yield appointment_id, browser


Asked = tuple[str, Browser]


async def refusal(browser: Browser, answer: str = "") -> tuple[int, str]:
    given = await browser.acts(answer)
    return given.status, given.said["code"]


async def deeds(town: Town, appointment_id: str) -> list[str]:
    return [
        line["code"] or line["what"] for line in await audited(town, appointment_id)
    ]


async def test_the_guardian_of_a_child_of_8_is_let_in_as_themselves_by_their_act(
    town: Town, asked: Asked
) -> None:
    appointment_id, browser = asked
    assert VISIT not in browser.cookies
    answer = await browser.acts()
    assert answer.status == 204
    assert ACT not in browser.cookies
    has = await session(town, browser)
    assert (has.appointment, has.role) == (appointment_id, "guardian")
    assert has.name.get_secret_value() == person("guardian", TODAY).name
    assert has.birth_year == 1961
    assert (await said_of(town, appointment_id)).role == "guardian"
    assert await audited(town, appointment_id) == [
        {"what": "acts_for_child", "who": has.sub, "code": None, "role": None},
        {"what": "identified", "who": has.sub, "code": None, "role": "guardian"},
    ]


async def test_before_the_act_nothing_is_said_of_the_guardian(
    town: Town, asked: Asked
) -> None:
    appointment_id, _ = asked
    assert await audited(town, appointment_id) == []


async def test_the_cookie_of_the_act_is_for_this_host_alone_and_for_no_script(
    town: Town,
) -> None:
    _, link = await invited(town, "child-8", "guardian")
    browser = town.browser()
    done = await browser.get(await choose(await browser.login(link), "guardian"))
    cookie = done.cookies[ACT]
    assert list(done.cookies) == [ACT]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert cookie["max-age"] == "600"


async def test_an_act_is_done_once(asked: Asked) -> None:
    _, browser = asked
    secret = browser.cookies[ACT]
    assert (await browser.acts()).status == 204
    browser.cookies[ACT] = secret
    assert await refusal(browser) == EXPIRED


async def test_without_the_browsers_cookie_there_is_no_act(
    town: Town, asked: Asked
) -> None:
    _, browser = asked
    assert await refusal(town.browser()) == EXPIRED
    other = town.browser()
    other.cookies[ACT] = token_urlsafe()
    assert await refusal(other) == EXPIRED
    assert (await browser.acts()).status == 204


async def test_an_act_that_comes_too_late_is_told_so(town: Town, asked: Asked) -> None:
    _, browser = asked
    town.clock.forward(minutes=11)
    assert await refusal(browser) == EXPIRED
    assert VISIT not in browser.cookies


async def test_an_act_comes_from_our_own_pages_only(asked: Asked) -> None:
    _, browser = asked
    for path in ("/identity/act", "/identity/act/no"):
        answer = await browser.post(path, None, Origin="https://evil.example")
        assert (answer.status, answer.said["code"]) == (403, "wrong_origin")


async def test_who_does_not_act_is_not_let_in_and_that_is_noted(
    town: Town, asked: Asked
) -> None:
    appointment_id, browser = asked
    secret = browser.cookies[ACT]
    assert (await browser.acts("/no")).status == 204
    assert not {ACT, VISIT} & set(browser.cookies)
    browser.cookies[ACT] = secret
    assert await refusal(browser) == EXPIRED
    assert await deeds(town, appointment_id) == ["does_not_act"]


async def test_back_and_reload_before_the_act_come_to_the_question_again(
    town: Town,
) -> None:
    appointment_id, link = await invited(town, "child-8", "guardian")
    browser = town.browser()
    back = await choose(await browser.login(link), "guardian")
    assert await browser.lands(back) == "/acting"
    assert await browser.lands(back) == "/acting"
    assert (await browser.acts()).status == 204
    assert await browser.lands(back) == "/visit"
    assert await deeds(town, appointment_id) == ["acts_for_child", "identified"]


async def test_cancelled_before_the_act(town: Town, asked: Asked) -> None:
    appointment_id, browser = asked
    await town.hear(cancelled(appointment_id, 1))
    assert await refusal(browser) == (409, "appointment_cancelled")
    assert await deeds(town, appointment_id) == [
        "acts_for_child",
        "appointment_cancelled",
    ]


async def test_a_guardian_who_is_named_no_longer_is_a_stranger(
    town: Town, asked: Asked
) -> None:
    appointment_id, browser = asked
    await town.hear(booked(appointment_id, 1, code("child-8"), [code("fi")]))
    assert await refusal(browser) == (403, "wrong_person")
    assert VISIT not in browser.cookies


async def test_the_child_turns_twelve_while_the_guardian_thinks_it_over(
    town: Town,
) -> None:
    """Age is judged at entry, by Finland's calendar: at 22 o'clock UTC the day is new."""
    appointment_id, link = await invited(town, "child-8", "guardian")
    born = person("child-8", TODAY).birth_date
    birthday = TEN.replace(year=born.year + 12, month=born.month, day=born.day)
    starts = birthday.replace(hour=0) - timedelta(hours=1)
    await town.hear(
        booked(appointment_id, 1, code("child-8"), [code("guardian")], starts)
    )
    async with town.database.writing() as tx:
        await tx.execute(
            "UPDATE link SET expires_at = $2 WHERE appointment_id = $1",
            appointment_id,
            birthday,
        )
    summer = timedelta(hours=1 if born.month in range(4, 11) else 0)
    midnight = birthday.replace(hour=0) - timedelta(hours=2) - summer
    browser = town.browser()
    town.clock.at = midnight - timedelta(minutes=5)
    back = await choose(await browser.login(link), "guardian")
    assert await browser.lands(back) == "/acting"
    town.clock.at = midnight
    assert await refusal(browser) == (403, "child_needs_own_credentials")


async def test_what_waits_for_the_act_tells_nothing_without_the_cookie(
    town: Town, asked: Asked
) -> None:
    _, browser = asked
    rows = await town.rows("SELECT * FROM act")
    written = b" ".join(
        each if isinstance(each, bytes) else str(each).encode()
        for row in rows
        for each in row
    )
    who = person("guardian", TODAY)
    for secret in (
        who.national_id.get_secret_value(),
        who.surname,
        browser.cookies[ACT],
    ):
        assert secret.encode() not in written
        assert secret not in town.logged


async def test_what_waits_for_an_act_that_never_comes_is_forgotten(
    town: Town, asked: Asked
) -> None:
    appointment_id, _ = asked
    town.clock.forward(minutes=11)
    await town.appointments.forget()
    left = await town.rows(
        "SELECT 1 FROM act WHERE appointment_id = $1", appointment_id
    )
    assert not left


secrets = st.text(min_size=1).map(SecretStr)


@given(secrets, st.text(), st.text())
def test_what_is_sealed_opens_with_its_key_for_its_purpose_about_its_matter(
    secret: SecretStr, text: str, about: str
) -> None:
    sealed = Seal(secret, "one").closed(text, about)
    assert Seal(secret, "one").opened(sealed, about) == text
    for seal, matter in (
        (Seal(secret, "another"), about),
        (Seal(SecretStr("x" + secret.get_secret_value()), "one"), about),
        (Seal(secret, "one"), about + "x"),
    ):
        with pytest.raises(NotOpened):
            seal.opened(sealed, matter)


@given(secrets, st.binary(max_size=64))
def test_what_was_never_sealed_does_not_open(secret: SecretStr, text: bytes) -> None:
    with pytest.raises(NotOpened):
        Seal(secret, "one").opened(text, "a-1")
