"""Identity's doors: one function a door, and the table from refusal to status.

Back from a provider comes a browser and not a script, so it is never answered with an
error but sent on: to the visit, or to a page that says what to do next.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from aiohttp import web
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.clock import Clock
from chassis.limits import Limit
from chassis.logs import Log, trouble
from chassis.refusal import Refusal, Unavailable
from chassis.sessions import KeySet, NoSession, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE, Access, Doors, body
from services.identity import cookies, metrics
from services.identity.act_doors import PAGE, act_doors, ask, brought
from services.identity.acting import Acting
from services.identity.acts import Asked
from services.identity.domain import (
    ATTEMPT_LASTS,
    AnotherAppointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    ChildNeedsOwnCredentials,
    GuardianNotConfirmed,
    HandoverOver,
    IdentificationCancelled,
    IdentificationExpired,
    IdentificationFailed,
    LinkUnknown,
    LogoutNotTaken,
    NoPersonalCode,
    StaffNotAllowed,
    WrongPerson,
)
from services.identity.flows import Visits
from services.identity.sessions import Entrance, Sessions
from services.identity.staff_flows import Onward, StaffLogins

LANGUAGE_COOKIE = "language"
LANGUAGES = ("fi", "sv", "en")
KEYS_AGE = {"Cache-Control": "public, max-age=300"}
LOGINS_A_SECOND = 1.0  # of one address; a whole clinic may be behind one
LOGINS_AT_ONCE = 30
PublicKeys = Sequence[Mapping[str, Any]]

STATUSES: Mapping[type[Refusal], int] = {
    LinkUnknown: 404,
    AnotherAppointment: 409,
    HandoverOver: 403,
    AppointmentIsCancelled: 409,
    AppointmentIsOver: 409,
    IdentificationCancelled: 403,
    IdentificationExpired: 403,
    IdentificationFailed: 403,
    WrongPerson: 403,
    ChildNeedsOwnCredentials: 403,
    GuardianNotConfirmed: 403,
    NoPersonalCode: 403,
    StaffNotAllowed: 403,
    LogoutNotTaken: 400,
}


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    language: Literal["sv", "fi", "en"]


class VisitLogin(Body):
    link: SecretStr = Field(max_length=200)


class StaffLogin(Body):
    """Nothing but the language: who it is, the provider says."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the world may know: keys of sessions, and ours towards the providers."""

    session: PublicKeys
    client: PublicKeys


def doors(
    visits: Visits,
    staff: StaffLogins,
    keys: Keys,
    landing: "Landing",
) -> Doors:
    made = Doors()
    visit_doors(made, visits, landing)
    act_doors(made, landing.acting, landing.clock)
    staff_doors(made, staff, landing)
    key_doors(made, keys)
    return made


def visit_doors(made: Doors, visits: Visits, landing: "Landing") -> None:
    limit = Limit(LOGINS_A_SECOND, LOGINS_AT_ONCE, landing.clock)

    @made.post("/identity/login", Access.PUBLIC, limit)
    async def login(request: web.Request) -> web.Response:
        asked = await body(request, VisitLogin)
        browser = cookies.browser(request) or secrets.token_urlsafe()
        location = await visits.begin(asked.link, asked.language, browser)
        return _sent_off(location, browser)

    @made.get("/identity/callback", Access.PUBLIC)
    async def callback(request: web.Request) -> web.Response:
        entering = visits.enter(dict(request.query), cookies.browser(request))
        return await landing.visit(request, entering)


def staff_doors(made: Doors, staff: StaffLogins, landing: "Landing") -> None:
    limit = Limit(LOGINS_A_SECOND, LOGINS_AT_ONCE, landing.clock)

    @made.post("/identity/staff/login", Access.PUBLIC, limit)
    async def staff_login(request: web.Request) -> web.Response:
        asked = await body(request, StaffLogin)
        browser = cookies.browser(request) or secrets.token_urlsafe()
        return _sent_off(await staff.begin(asked.language, browser), browser)

    @made.get("/identity/staff/callback", Access.PUBLIC)
    async def staff_callback(request: web.Request) -> web.Response:
        return await landing.staff(request, staff)


def key_doors(made: Doors, keys: Keys) -> None:
    @made.get("/identity/jwks.json", Access.PUBLIC)
    async def session_keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": list(keys.session)}, headers=KEYS_AGE)

    @made.get("/identity/client/jwks.json", Access.PUBLIC)
    async def client_keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": list(keys.client)}, headers=KEYS_AGE)


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
    """Where browsers come down that have been to a provider."""

    keys: KeySet
    sessions: Sessions
    acting: Acting
    clock: Clock
    log: Log

    async def visit(
        self, request: web.Request, entering: Awaitable[Entrance | Asked]
    ) -> web.Response:
        async def goes_on(expired: IdentificationExpired) -> str | None:
            about = expired.attempt and expired.attempt.appointment_id
            token = request.cookies.get(VISIT_COOKIE)
            with suppress(NoSession):
                session = await self.keys.recognise(token, VisitSession)
                ours = about == session.appointment
                if ours and await self.sessions.is_live(session):
                    return TO_VISIT.page
            if about and await self.acting.waits(brought(request), about):
                return PAGE
            return None

        return await self._landed(TO_VISIT, entering, goes_on)

    async def staff(self, request: web.Request, staff: StaffLogins) -> web.Response:
        async def goes_on(_: IdentificationExpired) -> str | None:
            token = request.cookies.get(STAFF_COOKIE)
            with suppress(NoSession):
                session = await self.keys.recognise(token, StaffSession)
                if await self.sessions.is_live(session):
                    return TO_STAFF.page
            return None

        language = request.cookies.get(LANGUAGE_COOKIE, "")
        entering = staff.enter(
            dict(request.query),
            cookies.browser(request),
            language if language in LANGUAGES else LANGUAGES[0],
        )
        return await self._landed(TO_STAFF, entering, goes_on)

    async def _landed(
        self,
        way: Way,
        entering: Awaitable[Entrance | Asked | Onward],
        goes_on: Callable[[IdentificationExpired], Awaitable[str | None]],
    ) -> web.Response:
        """Back, a reload or a restored tab: who is further already simply goes on."""
        try:
            entrance = await entering
        except IdentificationExpired as expired:
            if page := await goes_on(expired):
                return see(page)
            way.outcomes.labels(expired.code).inc()
            return see(sorry(expired.code))
        except Refusal as no:
            return see(sorry(no.code))
        except Unavailable:
            return see(sorry("unavailable"))
        except Exception as error:  # noqa: BLE001 - the last resort of someone on their way
            self.log.error("A way back failed.", **trouble(error))
            return see(sorry("unavailable"))
        return self._welcomed(way, entrance)

    def _welcomed(self, way: Way, entrance: Entrance | Asked | Onward) -> web.Response:
        if isinstance(entrance, Asked):
            answer = see(PAGE)
            ask(answer, entrance)
            return answer
        if isinstance(entrance, Onward):
            return see(entrance.location)
        answer = see(way.page)
        cookies.put(answer, way.cookie, entrance.token, entrance.until - self.clock())
        return answer


def _sent_off(location: str, browser: str) -> web.Response:
    answer = web.json_response({"location": location})
    cookies.put(answer, cookies.ATTEMPT, browser, ATTEMPT_LASTS)
    return answer


def see(page: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": page})


def sorry(code: str) -> str:
    return f"/sorry/{code}"
