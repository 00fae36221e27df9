"""The doors for professionals: one function a door."""

import re
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from chassis.limits import Limit
from chassis.web import Access, BadRequest, Doors, body, staff
from services.lobby import shown
from services.lobby.absences import Absences
from services.lobby.delays import Delays
from services.lobby.flows import Lobby
from services.lobby.message import LONGEST, Canned
from services.lobby.messages import Messages
from services.lobby.metrics import DECIDED
from services.lobby.place import Reason, Seen, Whom
from services.lobby.refusals import NobodyThere, NothingSeen

AT_THE_DOOR = "/lobby/api/appointments/{appointment}/people/{person}"
SAID_PER_SECOND = 0.2  # by one professional to those who wait, and
BURST = 30  # as many at once: a unit that runs late tells a whole morning
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Why(BaseModel):
    reason: Reason


class Late(BaseModel):
    minutes: int = Field(ge=0, le=600, strict=True)


def _readable(text: SecretStr) -> SecretStr:
    """Without the space around it, and without letters that cannot be seen."""
    written = text.get_secret_value().replace("\r\n", "\n").strip()
    if not written or len(written) > LONGEST or CONTROL.search(written):
        raise ValueError("must be a short text")
    return SecretStr(written)


class Words(BaseModel):
    """A ready-made sentence, or one's own words."""

    code: Canned | None = None
    text: Annotated[SecretStr, AfterValidator(_readable)] | None = None

    def said(self) -> Canned | SecretStr:
        match self.code, self.text:
            case Canned() as code, None:
                return code
            case None, SecretStr() as text:
                return text
        raise BadRequest("Say either a code or a text.", fields=["code", "text"])


def for_staff(
    doors: Doors, lobby: Lobby, absences: Absences, messages: Messages, delays: Delays
) -> None:
    limit = Limit(SAID_PER_SECOND, BURST, lobby.clock)
    _at_the_door(doors, lobby)

    @doors.get("/lobby/api/queue", Access.STAFF)
    async def queue(request: web.Request) -> web.Response:
        session = staff(request)
        told = shown.queue(await lobby.queue(session))
        who = {"id": session.sub, "name": session.name}
        return web.json_response({"professional": who, **told})

    @doors.post(f"{AT_THE_DOOR}/summons", Access.STAFF)
    async def summon(request: web.Request) -> web.Response:
        session, seen = staff(request), _seen(request)
        limit.take(session.sub)
        place = await absences.summon(session, seen)
        return web.json_response({"person": shown.person(place)})

    @doors.post(f"{AT_THE_DOOR}/messages", Access.STAFF)
    async def write(request: web.Request) -> web.Response:
        session, whom = staff(request), _whom(request)
        limit.take(session.sub)
        words = (await body(request, Words)).said()
        message = await messages.send(session, whom, words)
        return web.json_response({"message": shown.message(message)})

    @doors.post("/lobby/api/appointments/{appointment}/delay", Access.STAFF)
    async def run_late(request: web.Request) -> web.Response:
        session, appointment = staff(request), request.match_info["appointment"]
        limit.take(session.sub)
        minutes = (await body(request, Late)).minutes
        told = await delays.say(session, appointment, minutes)
        return web.json_response({"delay": shown.delay(told)})

    @doors.get("/lobby/api/appointments/{appointment}/admission", Access.STAFF)
    async def way_back(request: web.Request) -> web.Response:
        appointment = request.match_info["appointment"]
        admission = await lobby.own_admission(staff(request), appointment)
        return web.json_response({"admission": admission})


def _at_the_door(doors: Doors, lobby: Lobby) -> None:
    @doors.post(f"{AT_THE_DOOR}/admission", Access.STAFF)
    async def admit(request: web.Request) -> web.Response:
        session, seen = staff(request), _seen(request)
        place = await lobby.admit(session, seen)
        DECIDED.labels("admitted").inc()
        admission = await lobby.host_admission(session, seen.appointment_id)
        return web.json_response(
            {"admission": admission, "person": shown.person(place)}
        )

    @doors.post(f"{AT_THE_DOOR}/refusal", Access.STAFF)
    async def refuse(request: web.Request) -> web.Response:
        why = (await body(request, Why)).reason
        place = await lobby.refuse(staff(request), _seen(request), why)
        DECIDED.labels("refused").inc()
        return web.json_response({"person": shown.person(place)})

    @doors.post(f"{AT_THE_DOOR}/return", Access.STAFF)
    async def send_back(request: web.Request) -> web.Response:
        why = (await body(request, Why)).reason
        place = await lobby.send_back(staff(request), _seen(request), why)
        DECIDED.labels("returned").inc()
        return web.json_response({"person": shown.person(place)})


def _seen(request: web.Request) -> Seen:
    """The place in the path, and the version of it in If-Match (RFC 9110, 13.1.1)."""
    given = request.headers.get("If-Match")
    if given is None:
        raise NothingSeen("Say which version you have seen, in If-Match.")
    try:
        version = int(given.strip('"'))
    except ValueError:
        raise BadRequest("If-Match is not a version.", fields=["If-Match"]) from None
    whom = _whom(request)
    return Seen(whom.appointment_id, whom.person_id, version)


def _whom(request: web.Request) -> Whom:
    try:
        person = UUID(request.match_info["person"])
    except ValueError:
        raise NobodyThere("Nobody is there by that name.") from None
    return Whom(request.match_info["appointment"], person)
