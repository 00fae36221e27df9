"""Patients and guardians identify: real HTTP, PostgreSQL and Kafka, a strict provider."""

import json
from collections.abc import Mapping
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.sessions import KeySet, VisitSession, fetching
from contract.envelope import read
from contract.identity import PatientIdentified
from dev.idp.issuers import BIRTH_DATE, FIRST_NAMES, NATIONAL_ID, SURNAME
from dev.idp.visitor import cancel, choose
from dev.persons import Person, person, persons
from services.identity.attempts import AT_ONCE
from tests.chassis import kafka as listening
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.people import (
    HALF_HOUR,
    TEN,
    TODAY,
    booked,
    cancelled,
    new_appointment,
)

VISIT, ATTEMPT = "__Host-visit", "__Host-attempt"


def code(who: str) -> str:
    return person(who, TODAY).national_id.get_secret_value()


async def invited(town: Town, patient: str = "sv", *guardians: str) -> tuple[str, str]:
    """Someone has a booking and a link."""
    appointment_id, link = new_appointment(), token_urlsafe(16)
    codes = [code(each) for each in guardians]
    await town.hear(booked(appointment_id, 0, code(patient), codes))
    await town.invite(appointment_id, link)
    return appointment_id, link


async def session(town: Town, browser: Browser) -> VisitSession:
    keys = KeySet(
        fetching(f"{town.around.url}/identity/jwks.json"), town.around.url, town.clock
    )
    return await keys.check(browser.cookies.get(VISIT), VisitSession)


async def audited(town: Town, appointment_id: str) -> list[Mapping[str, Any]]:
    return [
        dict(row)
        for row in await town.rows(
            "SELECT what, who, code, role FROM audit WHERE appointment_id = $1 ORDER BY audit_id",
            appointment_id,
        )
    ]


async def said_of(town: Town, appointment_id: str) -> PatientIdentified:
    """What Kafka was told, by our own reading of it."""
    key = appointment_id.encode()
    (record,) = await listening.said(
        town.around.kafka, PatientIdentified.topic, lambda each: each.key == key, 1
    )
    said = read(record.headers, record.value, [PatientIdentified])
    assert isinstance(said, PatientIdentified)
    return said


@pytest.mark.parametrize("language", ["sv", "fi", "en"])
async def test_the_patient_is_let_in_and_kafka_is_told(
    town: Town, language: str
) -> None:
    appointment_id, link = await invited(town, language)
    browser, who = town.browser(), person(language, TODAY)
    there = await browser.login(link, language)
    assert await browser.lands(await choose(there, language)) == "/visit"

    has = await session(town, browser)
    assert (has.appointment, has.role) == (appointment_id, "patient")
    assert has.exp == TEN + timedelta(minutes=10)
    said = await said_of(town, appointment_id)
    assert str(said.person_id) == has.sub
    assert said.name.get_secret_value() == has.name.get_secret_value() == who.name
    assert said.birth_year == has.birth_year == who.birth_date.year
    assert said.method == "http://ftn.ficora.fi/2017/loatest2"
    assert await audited(town, appointment_id) == [
        {"what": "identified", "who": has.sub, "code": None, "role": "patient"}
    ]


async def test_the_cookies_are_for_this_host_alone_and_for_no_script(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser = town.browser()
    begun = await browser.post("/identity/login", {"link": link, "language": "sv"})
    done = await browser.get(await choose(begun.said["location"], "sv"))
    for cookie in (begun.cookies[ATTEMPT], done.cookies[VISIT]):
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == (
            "Lax",
            "/",
            "",
        )
    assert begun.cookies[ATTEMPT]["max-age"] == "600"
    assert done.cookies[VISIT]["max-age"] == str(90 * 60)
    assert list(done.cookies) == [VISIT]


async def test_the_same_person_keeps_one_id_in_an_appointment_and_another_in_another(
    town: Town,
) -> None:
    ids = []
    _, link = await invited(town)
    _, other = await invited(town)
    for each in (link, link, other):
        browser = town.browser()
        await browser.lands(await choose(await browser.login(each), "sv"))
        ids.append((await session(town, browser)).sub)
    assert ids[0] == ids[1] != ids[2]


async def test_a_child_with_own_credentials_is_let_in_at_any_age(town: Town) -> None:
    for child in ("child-8", "child-13"):
        _, link = await invited(town, child, "guardian")
        browser = town.browser()
        assert (
            await browser.lands(await choose(await browser.login(link), child))
            == "/visit"
        )
        assert (await session(town, browser)).role == "patient"


async def test_the_guardian_of_a_child_of_13_is_refused(town: Town) -> None:
    appointment_id, link = await invited(town, "child-13", "guardian")
    browser = town.browser()
    back = await choose(await browser.login(link), "guardian")
    assert await browser.lands(back) == "/sorry/child_needs_own_credentials"
    assert VISIT not in browser.cookies
    (line,) = await audited(town, appointment_id)
    assert (line["what"], line["code"]) == ("refused", "child_needs_own_credentials")


async def test_the_child_turns_twelve_between_booking_and_entry(town: Town) -> None:
    _, link = await invited(town, "child-8", "guardian")
    birthday = person("child-8", TODAY).birth_date.replace(year=TODAY.year + 4)
    later = new_appointment()
    starts = TEN.replace(year=birthday.year, month=birthday.month, day=birthday.day)
    await town.hear(
        booked(later, 0, code("child-8"), [code("guardian")], starts_at=starts)
    )
    link = token_urlsafe(16)
    async with town.database.writing() as tx:
        await tx.execute(
            "INSERT INTO link VALUES (encode(sha256($1::bytea), 'hex'), $2, $3)",
            link.encode(),
            later,
            starts + HALF_HOUR,
        )
    for at, page in (
        (starts - timedelta(days=1), "/acting"),
        (starts, "/sorry/child_needs_own_credentials"),
    ):
        town.clock.at = at
        browser = town.browser()
        back = await choose(await browser.login(link), "guardian")
        assert await browser.lands(back) == page


async def test_a_stranger_is_refused_and_that_is_noted_by_an_id(town: Town) -> None:
    appointment_id, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "stranger")
    assert await browser.lands(back) == "/sorry/wrong_person"
    assert VISIT not in browser.cookies
    (line,) = await audited(town, appointment_id)
    assert (line["what"], line["code"], len(line["who"])) == (
        "refused",
        "wrong_person",
        36,
    )
    again = await choose(await browser.login(link), "sv")
    assert await browser.lands(again) == "/visit"


async def test_a_guardian_of_somebody_else_is_a_stranger(town: Town) -> None:
    _, link = await invited(town, "sv", "fi")
    browser = town.browser()
    for who in ("guardian", "fi"):  # nobody attends with an adult, listed or not
        back = await choose(await browser.login(link), who)
        assert await browser.lands(back) == "/sorry/wrong_person"


async def test_who_cancels_is_told_what_to_do_next_and_may_try_again(
    town: Town,
) -> None:
    appointment_id, link = await invited(town)
    browser = town.browser()
    back = await cancel(await browser.login(link))
    assert await browser.lands(back) == "/sorry/identification_cancelled"
    assert (await audited(town, appointment_id))[0][
        "code"
    ] == "identification_cancelled"
    assert (
        await browser.lands(await choose(await browser.login(link), "sv")) == "/visit"
    )


async def test_two_tabs_both_come_through(town: Town) -> None:
    appointment_id, link = await invited(town)
    browser = town.browser()
    first, second = await browser.login(link), await browser.login(link)
    for there in (second, first):
        assert await browser.lands(await choose(there, "sv")) == "/visit"
    assert (await session(town, browser)).appointment == appointment_id


async def test_of_too_many_tabs_the_oldest_is_forgotten(town: Town) -> None:
    _, link = await invited(town)
    browser = town.browser()
    tabs = []
    for _ in range(AT_ONCE + 1):
        tabs.append(await browser.login(link))
        town.clock.forward(seconds=1)
    assert (
        await browser.lands(await choose(tabs[0], "sv"))
        == "/sorry/identification_expired"
    )
    assert await browser.lands(await choose(tabs[1], "sv")) == "/visit"


async def test_back_and_reload_after_entering_simply_go_on(town: Town) -> None:
    appointment_id, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "sv")
    assert await browser.lands(back) == "/visit"
    has = browser.cookies[VISIT]
    town.clock.forward(minutes=30)
    assert await browser.lands(back) == "/visit"
    assert browser.cookies[VISIT] == has
    assert len(await audited(town, appointment_id)) == 1


async def test_a_way_back_walked_before_opens_nothing_without_its_session(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "sv")
    await browser.lands(back)
    del browser.cookies[VISIT]
    town.clock.forward(minutes=2)
    assert await browser.lands(back) == "/sorry/identification_expired"


async def test_a_session_of_another_appointment_does_not_help_an_old_way_back(
    town: Town,
) -> None:
    _, link = await invited(town)
    _, other = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "sv")
    await browser.lands(back)
    await browser.lands(await choose(await browser.login(other), "sv"))
    town.clock.forward(minutes=2)
    assert await browser.lands(back) == "/sorry/identification_expired"


async def test_another_browser_cannot_walk_the_way_back_and_does_not_close_it(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser, thief = town.browser(), town.browser()
    back = await choose(await browser.login(link), "sv")
    assert await thief.lands(back) == "/sorry/identification_expired"
    await thief.login(link)
    assert await thief.lands(back) == "/sorry/identification_expired"
    assert await browser.lands(back) == "/visit"


async def test_who_comes_back_too_late_is_told_so(town: Town) -> None:
    _, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "sv")
    town.clock.forward(minutes=11)
    assert await browser.lands(back) == "/sorry/identification_expired"


@pytest.mark.parametrize(
    "query", ["", "?state=nobodys&code=x", "?error=access_denied", "?state=&state=a"]
)
async def test_a_way_back_that_nobody_began_is_told_so(town: Town, query: str) -> None:
    back = f"{town.around.url}/identity/callback{query}"
    assert await town.browser().lands(back) == "/sorry/identification_expired"


async def test_a_code_that_the_provider_does_not_know_is_a_failure(town: Town) -> None:
    _, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "sv")
    (state,) = parse_qs(urlsplit(back).query)["state"]
    made_up = f"{town.around.url}/identity/callback?code=made-up&state={state}"
    assert await browser.lands(made_up) == "/sorry/identification_failed"
    assert await browser.lands(back) == "/sorry/identification_expired"


async def test_a_state_of_the_staff_opens_no_visit(town: Town) -> None:
    browser = town.browser()
    back = await choose(await browser.staff_login(), "professional")
    crossed = back.replace("/identity/staff/callback", "/identity/callback")
    assert await browser.lands(crossed) == "/sorry/identification_expired"


@pytest.mark.parametrize(
    ("spoil", "page"),
    [
        ({NATIONAL_ID: None}, "no_personal_code"),
        ({NATIONAL_ID: "131052-308U"}, "identification_failed"),
        ({BIRTH_DATE: "1961-03-15"}, "identification_failed"),
        ({BIRTH_DATE: "yesterday"}, "identification_failed"),
        ({"nonce": "another"}, "identification_failed"),
        ({"acr": "urn:oid:1.2.246.517.3002.110.7"}, "identification_failed"),
        ({"aud": "somebody else"}, "identification_failed"),
    ],
)
async def test_what_the_provider_says_must_hold(
    town: Town, spoil: dict[str, Any], page: str
) -> None:
    _, link = await invited(town)
    browser = town.browser()
    town.spoil = spoil
    back = await choose(await browser.login(link), "sv")
    assert await browser.lands(back) == f"/sorry/{page}"
    assert VISIT not in browser.cookies


async def test_someone_whose_name_the_register_did_not_tell_is_let_in(
    town: Town,
) -> None:
    _, link = await invited(town)
    browser = town.browser()
    town.spoil = {SURNAME: None, FIRST_NAMES: None}
    assert (
        await browser.lands(await choose(await browser.login(link), "sv")) == "/visit"
    )
    assert (await session(town, browser)).name.get_secret_value() == "-"


async def test_cancelled_while_at_the_bank(town: Town) -> None:
    appointment_id, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "sv")
    await town.hear(cancelled(appointment_id, 1))
    assert await browser.lands(back) == "/sorry/appointment_cancelled"
    assert VISIT not in browser.cookies


async def refused(browser: Browser, link: str) -> tuple[int, str]:
    answer = await browser.post("/identity/login", {"link": link, "language": "sv"})
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return answer.status, answer.said["code"]


async def test_a_link_opens_its_appointment_and_only_while_that_stands(
    town: Town,
) -> None:
    appointment_id, link = await invited(town)
    browser = town.browser()
    assert await refused(browser, token_urlsafe(16)) == (404, "link_unknown")
    assert await refused(browser, "") == (404, "link_unknown")
    town.clock.at = TEN + HALF_HOUR + timedelta(minutes=16)
    assert await refused(browser, link) == (409, "appointment_over")
    town.clock.at = TEN + timedelta(days=2)
    assert await refused(browser, link) == (404, "link_unknown")
    town.clock.at = TEN
    await town.hear(cancelled(appointment_id, 1))
    assert await refused(browser, link) == (409, "appointment_cancelled")


async def test_a_link_that_is_faster_than_its_booking_asks_for_a_moment(
    town: Town,
) -> None:
    appointment_id, link = new_appointment(), token_urlsafe(16)
    await town.invite(appointment_id, link)
    browser = town.browser()
    answer = await browser.post("/identity/login", {"link": link, "language": "sv"})
    assert (answer.status, answer.said["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    await town.hear(booked(appointment_id, 0, code("sv")))
    assert await browser.login(link)


async def test_a_login_is_asked_for_by_our_own_pages_only(town: Town) -> None:
    _, link = await invited(town)
    answer = await town.browser().post(
        "/identity/login",
        {"link": link, "language": "sv"},
        Origin="https://evil.example",
    )
    assert (answer.status, answer.said["code"]) == (403, "wrong_origin")


@pytest.mark.parametrize(
    "body",
    [{}, {"link": "x"}, {"link": "x", "language": "de"}, {"link": "x" * 201}, []],
)
async def test_a_body_that_is_not_understood_is_refused_without_being_quoted(
    town: Town, body: object
) -> None:
    answer = await town.browser().post("/identity/login", body)
    assert (answer.status, answer.said["code"]) == (400, "bad_request")
    assert "x" * 201 not in json.dumps(answer.said)


async def test_guessing_links_soon_takes_its_time(town: Town) -> None:
    browser = town.browser()
    answers = [await refused(browser, f"guess-{guess}") for guess in range(31)]
    assert set(answers[:30]) == {(404, "link_unknown")}
    assert answers[30] == (429, "too_many")
    assert (await refused(town.browser(), "guess"))[0] == 404


async def test_logging_out_forgets_the_session(town: Town) -> None:
    _, link = await invited(town)
    browser = town.browser()
    await browser.lands(await choose(await browser.login(link), "sv"))
    answer = await browser.post("/identity/logout")
    assert answer.status == 204
    assert VISIT not in browser.cookies


async def test_nothing_personal_is_logged(town: Town) -> None:
    """Everything above was logged too, and is looked through here."""
    appointment_id, link = await invited(town)
    browser = town.browser()
    there = await browser.login(link)
    back = await choose(there, "sv")
    await browser.lands(back)
    town.spoil = {NATIONAL_ID: "131052-308U"}
    await browser.lands(await choose(await browser.login(link), "sv"))

    logged = town.logged
    assert appointment_id in logged
    assert '"why": "wrong_national_id"' in logged
    secrets = [value for (value,) in parse_qs(urlsplit(back).query).values()][:2]
    secrets += [link, browser.cookies[VISIT], browser.cookies[ATTEMPT], "131052"]
    found = [each for each in secrets if each in logged]
    for each in persons(TODAY):
        found += [personal for personal in about(each) if personal in logged]
    assert found == []


def about(who: Person) -> list[str]:
    return [who.national_id.get_secret_value(), who.surname, who.first_names]
