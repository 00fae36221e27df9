"""Signalling's one door: the WebSocket of an appointment's call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from chassis.limits import Limit
from chassis.refusal import Refusal
from chassis.sessions import KeySet, NoSession, StaffSession, VisitSession
from chassis.web import STAFF_COOKIE, VISIT_COOKIE, Access, Doors, WrongOrigin
from contract.identity import Role
from services.signalling.domain import Caller, Person
from services.signalling.line import Line
from services.signalling.protocol import SUBPROTOCOL
from services.signalling.settings import Settings
from services.signalling.socket import Conversation, Desk, Lines

STATUSES: Mapping[type[Refusal], int] = {}
WRITER_LIMIT = 16 * 1024  # bytes handed to the system before we wait for it
PATH = "/signalling/{appointment_id:[A-Za-z0-9._-]{1,64}}"


@dataclass(frozen=True, slots=True)
class Reception:
    """What the door needs."""

    settings: Settings
    keys: KeySet
    desk: Desk
    lines: Lines
    handshakes: Limit


def routes(reception: Reception) -> Doors:
    doors = Doors()
    settings = reception.settings

    # A refused handshake tells a browser nothing, so whoever comes from our own pages
    # is refused in a frame, and the session is checked behind the door.
    @doors.get(PATH, Access.PUBLIC, reception.handshakes)
    async def talk(request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Origin") != settings.origin:
            raise WrongOrigin("The request does not come from our own pages.")
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            compress=False,
            heartbeat=settings.heartbeat_seconds,
            max_msg_size=settings.frame_bytes,
            timeout=settings.farewell_seconds,
            writer_limit=WRITER_LIMIT,
        )
        await socket.prepare(request)
        line = Line(settings.queue_bytes, settings.farewell_seconds, _cut(request))
        reception.lines.add(line)
        try:
            conversation = Conversation(reception.desk, socket, line)
            await conversation.run(lambda: _identify(request, reception.keys))
        finally:
            reception.lines.remove(line)
        return socket

    return doors


async def _identify(request: web.Request, keys: KeySet) -> Caller:
    """Who is at the door; `as` says which of their cookies speaks. Raises `NoSession`."""
    appointment_id = request.match_info["appointment_id"]
    match request.query.get("as"):
        case "visit":
            token = request.cookies.get(VISIT_COOKIE)
            visit = await keys.check(token, VisitSession)
            if visit.appointment != appointment_id:
                raise NoSession("The session is for another appointment.")
            person = Person(appointment_id, visit.sub, _role(visit.role))
            return Caller(person, visit.exp)
        case "staff":
            token = request.cookies.get(STAFF_COOKIE)
            staff = await keys.check(token, StaffSession)
            person = Person(appointment_id, staff.sub, Role.PROFESSIONAL)
            return Caller(person, staff.exp)
    raise NoSession("Say as whom you come: as=visit or as=staff.")


def _role(text: str) -> Role:
    """A visit makes nobody a professional, whatever its session says."""
    if text == Role.PROFESSIONAL or text not in Role.__members__.values():
        raise NoSession("The session's role is not one that attends a visit.")
    return Role(text)


def _cut(request: web.Request) -> Callable[[], None]:
    """Drop the connection without another word."""

    def cut() -> None:
        if request.transport is not None:
            request.transport.abort()

    return cut
