"""Where no guardian enters (GUARDIANS=none)."""

from collections.abc import AsyncIterator

import pytest_asyncio

from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.idp.visitor import choose
from tests.identity.conftest import Town, building
from tests.identity.test_login import VISIT, audited, invited


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> AsyncIterator[Town]:
    async with building(database, kafka, GUARDIANS="none") as town:
        yield town


async def test_a_named_guardian_is_told_so_and_not_even_asked(strict: Town) -> None:
    appointment_id, link = await invited(strict, "child-8", "guardian")
    browser = strict.browser()
    back = await choose(await browser.login(link), "guardian")
    assert await browser.lands(back) == "/sorry/guardian_not_confirmed"
    assert not {VISIT, "__Host-act"} & set(browser.cookies)
    (line,) = await audited(strict, appointment_id)
    assert (line["what"], line["code"]) == ("refused", "guardian_not_confirmed")


async def test_the_child_comes_in_all_the_same(strict: Town) -> None:
    _, link = await invited(strict, "child-8", "guardian")
    browser = strict.browser()
    back = await choose(await browser.login(link), "child-8")
    assert await browser.lands(back) == "/visit"
