"""Companions identify by their own link, and their role is the link's."""

from secrets import token_urlsafe

import pytest

from contract.booking import CompanionRole
from dev.idp.visitor import choose
from dev.persons import person
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.people import TODAY, booked, cancelled, new_appointment
from tests.identity.test_login import (
    VISIT,
    audited,
    code,
    refused,
    said_of,
    session,
)

ROLES: list[tuple[CompanionRole, str]] = [
    ("interpreter", "interpreter"),
    ("relative", "relative"),
    ("professional", "visiting_professional"),
]


async def invited(
    town: Town, role: CompanionRole = "interpreter", patient: str = "sv", *more: str
) -> tuple[str, str, str]:
    """An appointment, its patient's link, and a companion's."""
    appointment_id, link, companions = (
        new_appointment(),
        token_urlsafe(16),
        token_urlsafe(16),
    )
    guardians = [code(each) for each in more]
    await town.hear(booked(appointment_id, 0, code(patient), guardians))
    await town.invite(appointment_id, link)
    await town.invite(appointment_id, companions, role)
    return appointment_id, link, companions


async def lands(browser: Browser, link: str, who: str) -> str:
    return await browser.lands(await choose(await browser.login(link), who))


@pytest.mark.parametrize(("asked", "attends"), ROLES)
async def test_a_companion_is_let_in_under_their_own_name_in_the_role_of_the_link(
    town: Town, asked: CompanionRole, attends: str
) -> None:
    appointment_id, _, link = await invited(town, asked)
    browser = town.browser()
    assert await lands(browser, link, "interpreter") == "/visit"
    has = await session(town, browser)
    assert (has.appointment, has.role) == (appointment_id, attends)
    assert has.name.get_secret_value() == person("interpreter", TODAY).name
    said = await said_of(town, appointment_id)
    assert (said.role, str(said.person_id)) == (attends, has.sub)
    assert await audited(town, appointment_id) == [
        {"what": "identified", "who": has.sub, "code": None, "role": attends}
    ]


async def test_the_patients_link_lets_no_companion_in(town: Town) -> None:
    _, link, _ = await invited(town)
    browser = town.browser()
    assert await lands(browser, link, "interpreter") == "/sorry/wrong_person"
    assert VISIT not in browser.cookies


async def test_a_companions_link_lets_no_patient_in(town: Town) -> None:
    appointment_id, _, link = await invited(town)
    browser = town.browser()
    assert await lands(browser, link, "sv") == "/sorry/wrong_person"
    assert VISIT not in browser.cookies
    (line,) = await audited(town, appointment_id)
    assert (line["what"], line["code"]) == ("refused", "wrong_person")


async def test_a_companions_link_gives_a_guardian_no_guardians_place(
    town: Town,
) -> None:
    """The mother of a child of 13 may be asked along; she attends as a relative."""
    _, _, link = await invited(town, "relative", "child-13", "guardian")
    browser = town.browser()
    assert await lands(browser, link, "guardian") == "/visit"
    assert (await session(town, browser)).role == "relative"


async def test_a_guardian_who_is_a_relative_too_has_a_place_for_each(
    town: Town,
) -> None:
    _, link, relatives = await invited(town, "relative", "child-8", "guardian")
    first, second = town.browser(), town.browser()
    assert await lands(first, link, "guardian") == "/acting"
    assert (await first.acts()).status == 204
    assert await lands(second, relatives, "guardian") == "/visit"
    as_guardian, as_relative = await session(town, first), await session(town, second)
    assert (as_guardian.role, as_relative.role) == ("guardian", "relative")
    assert as_guardian.sub != as_relative.sub


async def test_a_companion_keeps_one_id_in_an_appointment_and_another_in_another(
    town: Town,
) -> None:
    _, _, link = await invited(town)
    _, _, other = await invited(town)
    ids = []
    for each in (link, link, other):
        browser = town.browser()
        await lands(browser, each, "interpreter")
        ids.append((await session(town, browser)).sub)
    assert ids[0] == ids[1] != ids[2]


async def test_a_withdrawn_link_opens_nothing(town: Town) -> None:
    appointment_id, link, companions = await invited(town)
    await town.invite(appointment_id, companions, "interpreter", town.clock())
    browser = town.browser()
    assert await refused(browser, companions) == (404, "link_unknown")
    assert await lands(browser, link, "sv") == "/visit"


async def test_a_link_that_is_withdrawn_while_at_the_bank_opens_nothing(
    town: Town,
) -> None:
    appointment_id, _, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "interpreter")
    await town.invite(appointment_id, link, "interpreter", town.clock())
    assert await browser.lands(back) == "/sorry/link_unknown"
    assert VISIT not in browser.cookies


async def test_a_companion_who_is_asked_again_comes_by_the_same_link(
    town: Town,
) -> None:
    appointment_id, _, link = await invited(town)
    await town.invite(appointment_id, link, "interpreter", town.clock())
    await town.invite(appointment_id, link, "interpreter")
    assert await lands(town.browser(), link, "interpreter") == "/visit"


async def test_a_patient_with_another_address_comes_by_the_new_link_alone(
    town: Town,
) -> None:
    appointment_id, wrong, _ = await invited(town)
    right = wrong[::-1]
    await town.invite(appointment_id, wrong, until=town.clock())
    await town.invite(appointment_id, right)
    assert await refused(town.browser(), wrong) == (404, "link_unknown")
    assert await lands(town.browser(), right, "sv") == "/visit"


async def test_a_companion_has_a_personal_identity_code_too(town: Town) -> None:
    _, _, link = await invited(town)
    browser = town.browser()
    town.spoil = {"urn:oid:1.2.246.21": None}
    assert await lands(browser, link, "interpreter") == "/sorry/no_personal_code"


async def test_a_cancelled_appointment_is_cancelled_for_companions_too(
    town: Town,
) -> None:
    appointment_id, _, link = await invited(town)
    browser = town.browser()
    back = await choose(await browser.login(link), "interpreter")
    await town.hear(cancelled(appointment_id, 1))
    assert await refused(browser, link) == (409, "appointment_cancelled")
    assert await browser.lands(back) == "/sorry/appointment_cancelled"


async def test_of_two_links_in_one_browser_each_opens_its_own_role(town: Town) -> None:
    """The interpreter's link does not go on as the patient who is in already."""
    _, link, companions = await invited(town)
    browser = town.browser()
    assert await lands(browser, link, "sv") == "/visit"
    again = await browser.post("/identity/session/entry", {"link": companions})
    assert (again.status, again.said["code"]) == (409, "another_appointment")
    assert await lands(browser, companions, "interpreter") == "/visit"
    again = await browser.post("/identity/session/entry", {"link": companions})
    assert again.status == 200
    again = await browser.post("/identity/session/entry", {"link": link})
    assert again.status == 409
