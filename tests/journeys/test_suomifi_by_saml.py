"""The door of Suomi.fi as it is today: SAML, on another site, in a real browser."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request

from chassis.clock import now
from dev import postgres as postgreses
from dev.persons import persons
from tests import servers
from tests.journeys.people import SEEN_WITHIN, Patient
from tests.journeys.suite import Suite, running
from tests.providers.saml import Agreement, provider


@dataclass(frozen=True)
class Town:
    """The suite, and the provider beside it."""

    suite: Suite
    provider: str

    async def visitor(self, who: str = "sv") -> tuple[Patient, str]:
        """Someone with a booking, at a browser of their own, and their link."""
        booking = await self.suite.book(who)
        patient = await self.suite.patient(booking.patient.language)
        return patient, await self.suite.link(booking)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(
    postgres: postgreses.Server,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Town]:
    agreement, folder = Agreement(), tmp_path_factory.mktemp("samlp")
    async with (
        servers.kafka() as cluster,
        running(postgres, cluster.servers, browser, **agreement.settings()) as suite,
        provider(agreement, suite.around.url, persons(now().date()), folder),
    ):
        yield Town(suite, agreement.url)


def posts(page: Page) -> list[Request]:
    """What is posted from now on."""
    seen: list[Request] = []
    page.on(
        "request", lambda each: seen.append(each) if each.method == "POST" else None
    )
    return seen


async def test_the_patient_identifies_on_another_site_and_comes_back(
    town: Town,
) -> None:
    patient, link = await town.visitor("fi")
    await patient.open(link)
    seen = posts(patient.page)
    await patient.does("identify")
    await patient.page.wait_for_url(f"{town.provider}/**")
    assert await patient.page.locator("html").get_attribute("lang") == "fi"
    await patient.chooses("fi")
    await patient.sees("check")
    (back,) = [each for each in seen if each.url.endswith("/identity/saml/acs")]
    assert (await back.all_headers())["origin"] == town.provider
    assert "cookie" not in await back.all_headers()


async def test_who_cancels_there_is_told_what_to_do_next_and_may_try_again(
    town: Town,
) -> None:
    patient, link = await town.visitor()
    await patient.open(link)
    await patient.does("identify")
    await patient.page.locator("[data-cancel]").click()
    await patient.page.wait_for_url("**/sorry/identification_cancelled")
    await patient.does("try-again")
    await patient.identify("sv")
    await patient.sees("check")


async def test_back_and_the_answer_posted_again_simply_go_on(town: Town) -> None:
    patient, link = await town.visitor()
    await patient.open(link)
    seen = posts(patient.page)
    await patient.identify("sv")
    await patient.sees("check")
    (back,) = [each for each in seen if each.url.endswith("/identity/saml/acs")]
    for _ in range(2):
        await post_again(patient.page, back)
        await patient.page.wait_for_url("**/visit")
        await patient.sees("check")
    await patient.page.go_back()
    await patient.page.go_forward()
    await patient.sees("check")


async def post_again(page: Page, request: Request) -> None:
    """From another site, as a restored tab would."""
    await page.goto("data:text/html,<form method=post></form>")
    fields = dict(request.post_data_json)
    await page.evaluate(
        """([to, fields]) => {
             const form = document.forms[0];
             form.action = to;
             for (const [name, value] of Object.entries(fields)) {
               const field = document.createElement('input');
               field.name = name; field.value = value;
               form.append(field);
             }
             form.submit();
           }""",
        [request.url, fields],
    )


async def test_an_answer_carried_to_another_browser_lets_nobody_in(town: Town) -> None:
    """Login CSRF: the attacker's own answer, posted by the victim's browser."""
    attacker, link = await town.visitor()
    await attacker.open(link)
    stopped: list[Request] = []

    async def stop(route: object) -> None:
        stopped.append(route.request)  # type: ignore[attr-defined]
        await route.abort()  # type: ignore[attr-defined]

    await attacker.page.route("**/identity/saml/acs", stop)
    await attacker.does("identify")
    async with attacker.page.expect_event("requestfailed", timeout=SEEN_WITHIN):
        await attacker.chooses("sv")
    victim, victims_link = await town.visitor("fi")
    await victim.open(victims_link)
    await post_again(victim.page, stopped[0])
    await victim.page.wait_for_url("**/sorry/identification_expired")
    await victim.page.goto(f"{town.suite.around.url}/")
    seen = await victim.asks_server("GET", "/lobby/api/visit")
    assert seen["status"] == 401


async def test_who_comes_back_late_is_told_so(town: Town) -> None:
    patient, link = await town.visitor()
    await patient.open(link)
    await patient.does("identify")
    await patient.page.wait_for_url(f"{town.provider}/**")
    await patient.page.context.clear_cookies(name="__Host-attempt")
    await patient.chooses("sv")
    await patient.page.wait_for_url("**/sorry/identification_expired")
    await patient.does("try-again")
    await patient.does("identify")
    await patient.sees("check")


async def test_a_person_without_a_personal_code_is_told_whom_to_phone(
    town: Town,
) -> None:
    patient, link = await town.visitor()
    await patient.open(link)
    await patient.identify("foreigner")
    await patient.page.wait_for_url("**/sorry/no_personal_code")


async def test_the_wrong_person_logs_out_there_and_the_right_one_identifies(
    town: Town,
) -> None:
    """One device, and single sign-on: without a logout the same one comes back."""
    patient, link = await town.visitor()
    await patient.open(link)
    await patient.identify("stranger")
    await patient.page.wait_for_url("**/sorry/wrong_person")
    await patient.does("try-again")
    await patient.does("identify")
    await patient.page.wait_for_url("**/sorry/wrong_person")
    await patient.does("log-out-there")
    await patient.page.wait_for_url("**/entry")
    await patient.identify("sv")
    await patient.sees("check")


async def test_a_logout_that_began_elsewhere_ends_the_visit(town: Town) -> None:
    """It comes in a frame of another site, where none of our cookies do."""
    patient, link = await town.visitor()
    await patient.open(link)
    await patient.identify("sv")
    await patient.sees("check")
    other = await patient.page.context.new_page()
    async with other.expect_response(
        lambda each: "/identity/saml/logout" in each.url, timeout=SEEN_WITHIN
    ):
        await other.goto(f"{town.provider}/elsewhere")
    await other.frame_locator("iframe").locator("body").wait_for(state="attached")
    ended = await rows(town, "SELECT why FROM session WHERE ended_at IS NOT NULL")
    assert "upstream" in ended


async def rows(town: Town, query: str) -> list[str]:
    connection = await asyncpg.connect(town.suite.around.databases["identity"])
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()
