"""Logging in, out and not quite, at OpenID providers that others wrote.

Two sets of algorithms, the request by value and pushed, on another site than ours.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from chassis.clock import now
from dev import kafka as kafkas
from dev import postgres as postgreses
from tests.journeys.people import SEEN_WITHIN, Patient, Staff
from tests.journeys.suite import Suite, running
from tests.providers.openid import BY_VALUE, PUSHED, Kind, Npm


class Clock:
    """The time, or a while later."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.ahead


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="session",
    params=[BY_VALUE, PUSHED],
    ids=lambda kind: kind.name,
)
async def town(
    request: pytest.FixtureRequest,
    postgres: postgreses.Server,
    kafka: kafkas.Cluster,
    browser: Browser,
    clock: Clock,
) -> AsyncIterator[Suite]:
    kind: Kind = request.param
    async with running(postgres, kafka.servers, browser, Npm(kind), clock) as suite:
        yield suite


async def at_provider(town: Suite, who: str = "sv") -> tuple[Patient, str]:
    """Someone whom the provider asks who they are."""
    booking = await town.book(who)
    patient, link = await town.patient(), await town.link(booking)
    await patient.open(link)
    await patient.does("identify")
    await expect(patient.page.locator("[data-cancel]")).to_be_visible(
        timeout=SEEN_WITHIN
    )
    return patient, link


async def inside(town: Suite) -> tuple[Patient, str]:
    """Someone who is in, and the address that they came back by."""
    patient, _ = await at_provider(town)
    backs: list[str] = []
    patient.page.on(
        "request",
        lambda sent: backs.append(sent.url) if "/callback?" in sent.url else None,
    )
    await patient.chooses("sv")
    await patient.sees("check")
    return patient, backs[0]


async def is_sorry(page: Page, code: str) -> None:
    await page.wait_for_url(f"**/sorry/{code}", timeout=SEEN_WITHIN)


async def goes(page: Page, url: str) -> None:
    await page.goto(url, wait_until="commit")


async def test_someone_logs_in_and_nothing_of_them_stands_in_an_address(
    town: Suite,
) -> None:
    patient, link = await at_provider(town)
    asked = patient.page.url
    assert urlsplit(asked).hostname != urlsplit(town.around.url).hostname
    seen: list[str] = []
    patient.page.on("request", lambda sent: seen.append(sent.url))
    await patient.chooses("sv")
    await patient.sees("check")
    told = "\n".join(seen)
    assert "/identity/callback?" in told
    assert not [each for each in (town.used - {link}) if each in told]


async def test_a_stranger_is_refused_by_what_the_provider_says(town: Suite) -> None:
    patient, _ = await at_provider(town)
    await patient.chooses("stranger")
    await is_sorry(patient.page, "wrong_person")


async def test_who_cancels_can_begin_again(town: Suite) -> None:
    patient, link = await at_provider(town)
    await patient.page.locator("[data-cancel]").click()
    await is_sorry(patient.page, "identification_cancelled")
    await patient.open(link)
    await patient.identify("sv")
    await patient.sees("check")


async def test_the_back_button_leads_nowhere_bad_and_forward_goes_on(
    town: Suite, whole_browser: Browser
) -> None:
    patient, _ = await inside(replace(town, browser=whole_browser))
    await patient.page.go_back(wait_until="commit")
    # A page that has just been swapped in takes no step until it is there to see.
    await expect(patient.page.locator("[data-cancel]")).to_be_visible(
        timeout=SEEN_WITHIN
    )
    await patient.page.go_forward(wait_until="commit")
    await patient.page.wait_for_url("**/visit", timeout=SEEN_WITHIN)
    await patient.sees("check")


async def test_back_at_the_provider_is_a_page_and_no_loop(town: Suite) -> None:
    patient, link = await at_provider(town)
    page = patient.page
    await page.go_back(wait_until="commit")
    await page.wait_for_url(f"{town.around.url}/**", timeout=SEEN_WITHIN)
    await patient.open(link)
    await patient.identify("sv")
    await patient.sees("check")


async def test_who_comes_back_twice_is_still_in(town: Suite) -> None:
    patient, back = await inside(town)
    await goes(patient.page, back)
    await patient.page.wait_for_url("**/visit", timeout=SEEN_WITHIN)
    await patient.sees("check")


async def test_a_way_back_is_nothing_in_another_browser(town: Suite) -> None:
    _, back = await inside(town)
    thief = await town.patient()
    await goes(thief.page, back)
    await is_sorry(thief.page, "identification_expired")
    assert (await thief.asks_server("GET", "/lobby/api/visit"))["status"] == 401


async def test_a_way_back_that_another_began_logs_nobody_in(town: Suite) -> None:
    """Login CSRF: the code is somebody's own, and the browser another's."""
    attacker, _ = await at_provider(town)
    async with attacker.page.expect_request("**/identity/callback?*") as sent:
        await attacker.page.route("**/identity/callback?*", lambda route: route.abort())
        await attacker.page.locator('[data-person="sv"]').click(no_wait_after=True)
    kept = (await sent.value).url
    victim, _ = await at_provider(town)
    await goes(victim.page, kept)
    await is_sorry(victim.page, "identification_expired")
    assert (await victim.asks_server("GET", "/lobby/api/visit"))["status"] == 401


async def test_two_tabs_both_lead_in(town: Suite) -> None:
    patient, link = await at_provider(town)
    second = Patient(await patient.page.context.new_page(), town.around.url)
    await second.open(link)
    await second.does("identify")
    await expect(second.page.locator("[data-cancel]")).to_be_visible()
    await patient.chooses("sv")
    await patient.sees("check")
    await second.chooses("sv")
    await second.sees("check")


async def test_who_comes_back_late_is_told_and_can_begin_again(
    town: Suite, clock: Clock
) -> None:
    patient, link = await at_provider(town)
    clock.ahead = timedelta(minutes=11)
    try:
        await patient.chooses("sv")
        await is_sorry(patient.page, "identification_expired")
    finally:
        clock.ahead = timedelta(0)
    await patient.open(link)
    await patient.does("identify")
    await patient.sees("check")  # the provider still knows them


async def test_who_logs_out_is_out_here_and_there(town: Suite) -> None:
    patient, _ = await inside(town)
    left = await patient.page.evaluate(
        """async () => (await fetch('/identity/logout', {method: 'POST'})).json()"""
    )
    assert (await patient.asks_server("GET", "/lobby/api/visit"))["status"] == 401
    await goes(patient.page, left["location"])
    await patient.page.locator("[data-sign-out]").click()
    await patient.page.wait_for_url(f"{town.around.url}/", timeout=SEEN_WITHIN)
    booking = await town.book("sv")
    await patient.open(await town.link(booking))
    await patient.identify("sv")  # asked again who they are
    await patient.sees("check")


async def test_a_professional_logs_in_and_out_here_and_there(town: Suite) -> None:
    nurse = await town.staff("p-1")
    await nurse.does("log-out")
    await nurse.does("log-out-here")
    await nurse.page.locator("[data-sign-out]").click(timeout=SEEN_WITHIN)
    await nurse.page.wait_for_url(f"{town.around.url}/staff", timeout=SEEN_WITHIN)
    await nurse.log_in("p-1")  # asked again who they are


async def test_a_professional_cancels(town: Suite) -> None:
    page = await (await town.context("sv")).new_page()
    nurse = Staff(page, town.around.url)
    await page.goto(f"{town.around.url}/staff")
    await nurse.does("log-in")
    await page.locator("[data-cancel]").click()
    await is_sorry(page, "identification_cancelled")


async def ended(town: Suite) -> str | None:
    """How the professionals' newest session ended."""
    database = await asyncpg.connect(town.around.databases["identity"])
    try:
        why: str | None = await database.fetchval(
            "SELECT why FROM session WHERE kind = 'staff' ORDER BY created_at DESC LIMIT 1"
        )
        return why
    finally:
        await database.close()


async def test_a_logout_at_the_provider_ends_the_session_here(town: Suite) -> None:
    nurse = await town.staff("p-1")
    elsewhere = await nurse.page.context.new_page()
    issuer = town.around.more["STAFF_OIDC_ISSUER"]
    await elsewhere.goto(f"{issuer}/session/end")
    await elsewhere.locator("[data-sign-out]").click()
    await expect(elsewhere.locator("body")).to_contain_text("Sign-out Success")
    assert await ended(town) == "upstream"
