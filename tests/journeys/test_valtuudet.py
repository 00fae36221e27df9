"""Guardians by Suomi.fi e-Authorizations, whatever the booking lists, in a real browser."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import unquote

import pytest_asyncio
from playwright.async_api import Browser

from chassis.clock import now
from deploy.prepare import secret
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.persons import person
from dev.programs import free_port
from dev.site import serve
from tests.identity.authorizations import API_KEY, CLIENT_ID, Register
from tests.journeys.people import SEEN_WITHIN, Patient
from tests.journeys.suite import Suite, running


@dataclass(frozen=True)
class County:
    """The suite, and whom e-Authorizations knows."""

    suite: Suite
    register: Register


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def county(
    postgres: postgreses.Server, kafka: kafkas.Cluster, browser: Browser
) -> AsyncIterator[County]:
    port, register = free_port(), Register(now)
    told = {
        "GUARDIANS": "valtuudet",
        "VALTUUDET_URL": f"http://127.0.0.1:{port}",
        "VALTUUDET_CLIENT_ID": CLIENT_ID,
        "VALTUUDET_API_KEY": API_KEY,
        "NATIONAL_ID_KEY": secret(),
    }
    async with (
        serve(register.application(), port),
        running(postgres, kafka.servers, browser, **told) as suite,
    ):
        yield County(suite, register)


def code(who: str) -> str:
    return person(who, now().date()).national_id.get_secret_value()


async def acting(county: County, who: str) -> Patient:
    """Someone who has identified with the child's link, and says that they act for it."""
    guardian = await county.suite.returned(await county.suite.book("child-8"), who)
    await guardian.page.wait_for_url("**/acting", timeout=SEEN_WITHIN)
    await guardian.acts_for_the_child()
    return guardian


async def test_a_guardian_whom_the_register_knows_is_let_in(county: County) -> None:
    """Though the booking does not list them."""
    county.register.guardians = {(code("en"), code("child-8"))}
    guardian = await acting(county, "en")
    await guardian.sees("check")
    await guardian.skip_checks()
    await guardian.asks()
    assert code("child-8") in unquote(county.register.asked[-1])
    seen = await guardian.asks_server("GET", "/lobby/api/visit")
    assert seen["place"]["role"] == "guardian"


async def test_a_guardian_whom_the_register_does_not_know_is_refused(
    county: County,
) -> None:
    """Though the booking lists them; and nobody is told why."""
    county.register.guardians = set()
    guardian = await acting(county, "guardian")
    await guardian.page.wait_for_url(
        "**/sorry/guardian_not_confirmed", timeout=SEEN_WITHIN
    )
    seen = await guardian.asks_server("GET", "/lobby/api/visit")
    assert seen["status"] == 401
