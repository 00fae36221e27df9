"""Where browsers come down that have been to a provider.

It is a browser and not a script, so it is never answered with an error but sent on: to the
visit, or to a page that says what to do next.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from prometheus_client import Counter

from chassis.clock import Clock
from chassis.logs import Log, trouble
from chassis.refusal import Refusal, Unavailable
from chassis.sessions import KeySet, NoSession, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from services.identity import act_doors, cookies, metrics
from services.identity.acting import Acting
from services.identity.acts import Asked
from services.identity.domain import ACT_LASTS, IdentificationExpired
from services.identity.echoes import Echoes, Given, Landed, WayBack
from services.identity.flows import Visits
from services.identity.sessions import Entrance, Sessions
from services.identity.staff_flows import Onward, StaffLogins
from services.identity.upstream import Returned

LANGUAGE_COOKIE = "language"
LANGUAGES = ("fi", "sv", "en")
Brought = Mapping[str, str]
"""A browser's cookies."""
GoesOn = Callable[[Brought, IdentificationExpired], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Way:
    """What someone who is let in gets and sees, and where it is counted."""

    cookie: str
    page: str
    outcomes: Counter


TO_VISIT = Way(VISIT_COOKIE, "/visit", metrics.IDENTIFICATIONS)
TO_STAFF = Way(STAFF_COOKIE, "/staff", metrics.STAFF_LOGINS)


@dataclass(frozen=True, slots=True)
class Landing:
    keys: KeySet
    sessions: Sessions
    acting: Acting
    echoes: Echoes
    clock: Clock
    log: Log

    async def visit(
        self, request: web.Request, visits: Visits, returned: Returned
    ) -> web.Response:
        async def goes_on(brought: Brought, no: IdentificationExpired) -> str | None:
            about = no.attempt and no.attempt.appointment_id
            with suppress(NoSession):
                token = brought.get(VISIT_COOKIE)
                session = await self.keys.recognise(token, VisitSession)
                ours = about == session.appointment
                if ours and await self.sessions.is_live(session):
                    return TO_VISIT.page
            if about and await self.acting.waits(act_doors.secret_in(brought), about):
                return act_doors.PAGE
            return None

        back = WayBack(returned, cookies.browser(request))
        entering = visits.enter(returned, back.browser)
        found = self._found(TO_VISIT, back, request.cookies, entering, goes_on)
        return await self._landed(found)

    async def staff(self, request: web.Request, staff: StaffLogins) -> web.Response:
        async def goes_on(brought: Brought, _: IdentificationExpired) -> str | None:
            with suppress(NoSession):
                token = brought.get(STAFF_COOKIE)
                session = await self.keys.recognise(token, StaffSession)
                if await self.sessions.is_live(session):
                    return TO_STAFF.page
            return None

        language = request.cookies.get(LANGUAGE_COOKIE, "")
        back = WayBack(dict(request.query), cookies.browser(request))
        entering = staff.enter(
            back.returned,
            back.browser,
            language if language in LANGUAGES else LANGUAGES[0],
        )
        found = self._found(TO_STAFF, back, request.cookies, entering, goes_on)
        return await self._landed(found)

    async def _landed(self, found: Awaitable[Landed]) -> web.Response:
        try:
            landed = await found
        except Unavailable:
            return see(sorry("unavailable"))
        except Exception as error:  # noqa: BLE001 - the last resort of someone on their way
            self.log.error("A way back failed.", **trouble(error))
            return see(sorry("unavailable"))
        answer = see(landed.page)
        if given := landed.given:
            cookies.put(answer, given.name, given.value, given.until - self.clock())
        return answer

    async def _found(
        self,
        way: Way,
        back: WayBack,
        brought: Brought,
        entering: Awaitable[Entrance | Asked | Onward],
        goes_on: GoesOn,
    ) -> Landed:
        try:
            landed = self._welcomed(way, await entering)
        except IdentificationExpired as expired:
            if again := await self._again(back, brought, expired, goes_on):
                return again
            way.outcomes.labels(expired.code).inc()
            return Landed(page=sorry(expired.code))
        except Refusal as no:
            landed = Landed(page=sorry(no.code))
        with suppress(Unavailable):
            await self.echoes.keep(back, landed)
        return landed

    async def _again(
        self,
        back: WayBack,
        brought: Brought,
        expired: IdentificationExpired,
        goes_on: GoesOn,
    ) -> Landed | None:
        """Back, a reload or a restored tab: who is further already simply goes on."""
        if page := await goes_on(brought, expired):
            return Landed(page=page)
        echo = await self.echoes.of(back, expired.attempt)
        if echo is None or echo.given is None:
            return echo
        still = await goes_on({echo.given.name: echo.given.value}, expired)
        return echo if still else None

    def _welcomed(self, way: Way, entered: Entrance | Asked | Onward) -> Landed:
        if isinstance(entered, Onward):
            return Landed(page=entered.location)
        if isinstance(entered, Asked):
            secret, until = entered.secret.get_secret_value(), self.clock() + ACT_LASTS
            given = Given(name=act_doors.COOKIE, value=secret, until=until)
            return Landed(page=act_doors.PAGE, given=given)
        given = Given(name=way.cookie, value=entered.token, until=entered.until)
        return Landed(page=way.page, given=given)


def see(page: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": page})


def sorry(code: str) -> str:
    return f"/sorry/{code}"
