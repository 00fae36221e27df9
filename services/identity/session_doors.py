"""The doors of a session: so far, the way out."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from chassis.sessions import KeySet, NoSession, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE, Access, Doors, body
from services.identity import cookies
from services.identity.session import Ended, Kind
from services.identity.sessions import Sessions

AnySession = VisitSession | StaffSession


class Logout(BaseModel):
    """`everywhere`: on all devices of this person, and not only on this one."""

    model_config = ConfigDict(frozen=True)

    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose sessions a cookie carries."""

    cookie: str
    kind: Kind
    token: type[VisitSession] | type[StaffSession]


VISIT = Bearer(VISIT_COOKIE, Kind.VISIT, VisitSession)
STAFF = Bearer(STAFF_COOKIE, Kind.STAFF, StaffSession)


def session_doors(made: Doors, keys: KeySet, sessions: Sessions) -> None:
    for path, bearer in (("/identity", VISIT), ("/identity/staff", STAFF)):
        _way_out(made, f"{path}/logout", bearer, keys, sessions)


def _way_out(
    made: Doors, path: str, bearer: Bearer, keys: KeySet, sessions: Sessions
) -> None:
    @made.post(path, Access.PUBLIC)
    async def logout(request: web.Request) -> web.Response:
        """Whatever the cookie holds, it is taken back."""
        asked = await body(request, Logout) if request.can_read_body else Logout()
        if token := await _recognised(request, bearer, keys):
            if asked.everywhere:
                await sessions.end_of(bearer.kind, token.sub, Ended.EVERYWHERE)
            else:
                await sessions.end(UUID(token.sid), Ended.LOGGED_OUT)
        answer = web.Response(status=HTTPStatus.NO_CONTENT)
        cookies.take_back(answer, bearer.cookie)
        return answer


async def _recognised(
    request: web.Request, bearer: Bearer, keys: KeySet
) -> AnySession | None:
    """The token we once gave, even when its time is over."""
    try:
        return await keys.recognise(request.cookies.get(bearer.cookie), bearer.token)
    except NoSession:
        return None
