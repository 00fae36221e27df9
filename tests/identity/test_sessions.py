"""Sessions are records: they can be ended from here, from there, and from elsewhere."""

from datetime import timedelta
from uuid import UUID, uuid4

from chassis.logs import log
from dev.idp.visitor import choose
from services.identity.session import Ended, Kind, Terms, Upstream
from services.identity.sessions import Sessions
from tests.identity.browser import Browser
from tests.identity.conftest import Town
from tests.identity.people import HALF_HOUR, TEN
from tests.identity.test_login import VISIT, audited, invited, session
from tests.identity.test_staff import STAFF
from tests.keys import signing_key

ISSUER = "https://idp.example.fi"
TERMS = Terms(
    token=timedelta(minutes=10),
    visit_after_end=timedelta(minutes=60),
    staff=timedelta(hours=12),
    staff_idle=HALF_HOUR,
    warning=timedelta(minutes=5),
    extension=HALF_HOUR,
)


async def entered(town: Town, link: str) -> Browser:
    browser = town.browser()
    await browser.lands(await choose(await browser.login(link), "sv"))
    return browser


async def ended(town: Town, browser: Browser) -> str | None:
    """How the record of this browser's session ended."""
    sid = (await session(town, browser)).sid
    (row,) = await town.rows("SELECT why FROM session WHERE session_id = $1", UUID(sid))
    why: str | None = row["why"]
    return why


async def test_a_session_is_kept_by_ids(town: Town) -> None:
    appointment_id, link = await invited(town)
    browser = await entered(town, link)
    has = await session(town, browser)
    (row,) = await town.rows(
        "SELECT * FROM session WHERE session_id = $1", UUID(has.sid)
    )
    assert (row["kind"], row["sub"]) == ("visit", has.sub)
    assert row["appointment_id"] == appointment_id
    assert row["ends_at"] == TEN + HALF_HOUR * 3
    assert (row["ended_at"], row["why"]) == (None, None)
    assert has.name.get_secret_value() not in str(dict(row))


async def test_logging_out_ends_the_session_here_and_not_on_another_device(
    town: Town,
) -> None:
    appointment_id, link = await invited(town)
    here, there = await entered(town, link), await entered(town, link)
    token = here.cookies[VISIT]
    assert (await here.post("/identity/logout")).status == 204
    line = (await audited(town, appointment_id))[-1]
    assert (line["what"], line["code"]) == ("logged_out", "logged_out")
    assert VISIT not in here.cookies
    here.cookies[VISIT] = token
    assert await ended(town, here) == "logged_out"
    assert await ended(town, there) is None


async def test_logging_out_everywhere_ends_them_all(town: Town) -> None:
    _, link = await invited(town)
    _, other = await invited(town)
    here, there = await entered(town, link), await entered(town, link)
    somebody = await entered(town, other)
    token = here.cookies[VISIT]
    assert (await here.post("/identity/logout", {"everywhere": True})).status == 204
    here.cookies[VISIT] = token
    assert await ended(town, here) == await ended(town, there) == "everywhere"
    assert await ended(town, somebody) is None


async def test_logging_out_without_a_session_is_no_fault(town: Town) -> None:
    for cookie in ("", "nonsense"):
        browser = town.browser()
        browser.cookies |= {VISIT: cookie, STAFF: cookie}
        for path in ("/identity/logout", "/identity/staff/logout"):
            assert (await browser.post(path)).status == 204
        assert not {VISIT, STAFF} & set(browser.cookies)


async def test_no_logout_is_promised_at_a_provider_without_one(town: Town) -> None:
    assert (await town.browser().get("/identity/logout")).said == {"there": False}


async def test_logging_out_late_ends_the_session_too(town: Town) -> None:
    _, link = await invited(town)
    browser = await entered(town, link)
    token = browser.cookies[VISIT]
    town.clock.forward(minutes=60)
    await browser.post("/identity/logout")
    browser.cookies[VISIT] = token
    town.clock.at = TEN
    assert await ended(town, browser) == "logged_out"


async def opened(sessions: Sessions, sub: str, upstream: Upstream) -> UUID:
    async with sessions.database.writing() as tx:
        made = await sessions.open_staff(tx, sub, upstream)
    return made.session_id


async def live(town: Town, *ids: UUID) -> list[bool]:
    rows = await town.rows(
        "SELECT session_id FROM session WHERE ended_at IS NULL AND session_id = ANY($1)",
        list(ids),
    )
    found = {row["session_id"] for row in rows}
    return [each in found for each in ids]


def sessions_of(town: Town) -> Sessions:
    signing = signing_key(town.clock, town.around.url)
    return Sessions(town.database, town.clock, log("identity"), uuid4, signing, TERMS)


async def test_a_provider_ends_one_session_or_all_of_its_subject(town: Town) -> None:
    sessions = sessions_of(town)
    first = await opened(sessions, "p-x", Upstream(ISSUER, "name", "1"))
    second = await opened(sessions, "p-x", Upstream(ISSUER, "name", "2"))
    third = await opened(sessions, "p-x", Upstream(ISSUER, "name", "3"))
    foreign = await opened(sessions, "p-x", Upstream("https://other", "name", "1"))
    every = (first, second, third, foreign)

    assert await sessions.end_from(Upstream(ISSUER, "name", "1"))
    assert await live(town, *every) == [False, True, True, True]
    assert not await sessions.end_from(Upstream(ISSUER, "name", "1"))
    assert await sessions.end_from(Upstream(ISSUER, index="2"))
    assert await live(town, *every) == [False, False, True, True]
    assert await sessions.end_from(Upstream(ISSUER, "name"))
    assert await live(town, *every) == [False, False, False, True]
    assert not await sessions.end_from(Upstream("https://other"))
    assert await sessions.upstream_of(foreign) == Upstream("https://other", "name", "1")


async def test_all_sessions_of_a_professional_end_together(town: Town) -> None:
    sessions = sessions_of(town)
    mine = await opened(sessions, "p-y", Upstream(ISSUER, "y"))
    other = await opened(sessions, "p-z", Upstream(ISSUER, "z"))
    assert await sessions.end_of(Kind.STAFF, "p-y", Ended.UPSTREAM)
    assert not await sessions.end_of(Kind.VISIT, "p-z", Ended.UPSTREAM)
    assert await live(town, mine, other) == [False, True]


async def test_a_session_that_is_over_is_kept_for_a_day(town: Town) -> None:
    sessions = sessions_of(town)
    mine = await opened(sessions, "p-w", Upstream(ISSUER, "w"))
    town.clock.at = TEN + HALF_HOUR
    await sessions.forget()
    assert await live(town, mine) == [True]
    town.clock.forward(days=1, seconds=1)
    await sessions.forget()
    assert await live(town, mine) == [False]
    assert await sessions.upstream_of(mine) is None
