"""The doors of a session: to go on, to come back to it, and to end it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Literal, TypedDict
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.sessions import KeySet, NoSession, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE, Access, Doors, body
from services.identity import cookies
from services.identity.attempts import digest_of
from services.identity.session import Ended, Kind
from services.identity.sessions import AnyToken, Renewed, Sessions
from services.identity.upstream import Farewell, Leaving, Then

RETURN = "/identity/logout/return"
AFTER: Mapping[str, str] = {"again": "/entry", "home": "/"}


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Renewal(Body):
    """`stay`: somebody tapped, typed or is in a call, and not only the page lives."""

    stay: bool = False


class Again(Body):
    link: SecretStr = Field(max_length=200)


class Logout(Body):
    """`everywhere`: on all devices of this person, and not only on this one."""

    everywhere: bool = False
    language: Literal["sv", "fi", "en"] = "fi"
    then: Then = "home"


class WayOut(TypedDict):
    """Whether one can be logged out at the identity provider, as a button would promise."""

    there: bool


class Left(TypedDict):
    """Where the browser goes to log out at the identity provider too."""

    location: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose sessions a cookie carries, and the path of their doors."""

    path: str
    cookie: str
    kind: Kind
    token: type[VisitSession] | type[StaffSession]


VISIT = Bearer("/identity", VISIT_COOKIE, Kind.VISIT, VisitSession)
STAFF = Bearer("/identity/staff", STAFF_COOKIE, Kind.STAFF, StaffSession)


@dataclass(frozen=True, slots=True)
class Farewells:
    """The ways out at the two identity providers."""

    visit: Farewell
    staff: Farewell


def session_doors(
    made: Doors, keys: KeySet, sessions: Sessions, farewells: Farewells
) -> None:
    for bearer in (VISIT, STAFF):
        _way_on(made, bearer, keys, sessions)
    _way_back(made, keys, sessions)
    _way_out(made, VISIT, farewells.visit, keys, sessions)
    _way_out(made, STAFF, farewells.staff, keys, sessions)

    @made.get(f"{VISIT.path}/logout", Access.PUBLIC)
    async def way_out(_: web.Request) -> web.Response:
        return web.json_response(WayOut(there=farewells.visit.leads_out))

    @made.get(RETURN, Access.PUBLIC)
    async def returned(request: web.Request) -> web.Response:
        """Back from a logout at the provider, by OIDC."""
        return web.Response(
            status=HTTPStatus.SEE_OTHER,
            headers={"Location": after(request.query.get("state"))},
        )


def after(word: str | None) -> str:
    """The page for what came back with a browser: looked up, and never followed."""
    return AFTER.get(word or "", AFTER["home"])


def _way_on(made: Doors, bearer: Bearer, keys: KeySet, sessions: Sessions) -> None:
    @made.post(f"{bearer.path}/session", Access.PUBLIC)
    async def renew(request: web.Request) -> web.Response:
        asked = await body(request, Renewal)
        token = await keys.recognise(request.cookies.get(bearer.cookie), bearer.token)
        return told(bearer, await sessions.renew(token, stay=asked.stay))


def _way_back(made: Doors, keys: KeySet, sessions: Sessions) -> None:
    @made.post("/identity/session/entry", Access.PUBLIC)
    async def come_back(request: web.Request) -> web.Response:
        """The link was opened again; perhaps nobody needs to identify again."""
        link = (await body(request, Again)).link.get_secret_value()
        token = await keys.recognise(request.cookies.get(VISIT.cookie), VisitSession)
        digest = sha256(link.encode()).hexdigest()
        return told(VISIT, await sessions.come_back(token, digest))


def _way_out(
    made: Doors, bearer: Bearer, farewell: Farewell, keys: KeySet, sessions: Sessions
) -> None:
    @made.post(f"{bearer.path}/logout", Access.PUBLIC)
    async def logout(request: web.Request) -> web.Response:
        """Whatever the cookie holds, it is taken back.

        Out here first: what the identity provider does then is not waited for.
        """
        asked = await body(request, Logout) if request.can_read_body else Logout()
        left = None
        if token := await _recognised(request, bearer, keys):
            left = await sessions.upstream_of(UUID(token.sid))
            if asked.everywhere:
                await sessions.end_of(bearer.kind, token.sub, Ended.EVERYWHERE)
            else:
                await sessions.end(UUID(token.sid), Ended.LOGGED_OUT)
        browser = digest_of(cookies.browser(request))
        leaving = Leaving(left, browser, asked.language, asked.then)
        answer = _gone(await farewell.farewell(leaving))
        cookies.take_back(answer, bearer.cookie)
        return answer


def _gone(location: str | None) -> web.Response:
    if location is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return web.json_response(Left(location=location))


async def _recognised(
    request: web.Request, bearer: Bearer, keys: KeySet
) -> AnyToken | None:
    """The token we once gave, even when its time is over."""
    try:
        return await keys.recognise(request.cookies.get(bearer.cookie), bearer.token)
    except NoSession:
        return None


def told(bearer: Bearer, renewed: Renewed) -> web.Response:
    answer = web.json_response(
        {
            "server_time": moment(renewed.at),
            "renew_at": moment(renewed.renews_at),
            "warn_at": moment(renewed.warns_at),
            "ends_at": moment(renewed.ends_at),
            "may_stay": renewed.may_stay,
        }
    )
    given = renewed.entrance
    cookies.put(answer, bearer.cookie, given.token, given.until - renewed.at)
    return answer


def moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
