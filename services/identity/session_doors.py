"""The doors of a session: so far, the way out."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypedDict
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from chassis.sessions import KeySet, NoSession, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE, Access, Doors, body
from services.identity import cookies
from services.identity.session import Ended, Kind
from services.identity.sessions import Sessions
from services.identity.upstream import Farewell

AnySession = VisitSession | StaffSession


class Logout(BaseModel):
    """`everywhere`: on all devices of this person, and not only on this one."""

    model_config = ConfigDict(frozen=True)

    everywhere: bool = False
    language: Literal["sv", "fi", "en"] = "fi"


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
    _way_out(made, VISIT, farewells.visit, keys, sessions)
    _way_out(made, STAFF, farewells.staff, keys, sessions)


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
        answer = _gone(await farewell.farewell(left, asked.language))
        cookies.take_back(answer, bearer.cookie)
        return answer


def _gone(location: str | None) -> web.Response:
    if location is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return web.json_response(Left(location=location))


async def _recognised(
    request: web.Request, bearer: Bearer, keys: KeySet
) -> AnySession | None:
    """The token we once gave, even when its time is over."""
    try:
        return await keys.recognise(request.cookies.get(bearer.cookie), bearer.token)
    except NoSession:
        return None
