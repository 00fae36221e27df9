"""The doors for whoever comes to a visit: one function a door."""

from typing import Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from chassis.limits import Limit
from chassis.refusal import Refusal
from chassis.web import Access, Doors, body, visit
from services.lobby import shown
from services.lobby.absences import Absences
from services.lobby.flows import Lobby
from services.lobby.messages import Messages
from services.lobby.metrics import ANSWERS, ASKED
from services.lobby.place import CheckResult
from services.lobby.refusals import NoSuchMessage

NO_CONTENT = 204
SAID_PER_SECOND = 0.5  # by one person who comes and goes, or reads; and
BURST = 20  # as many at once


class Checks(BaseModel):
    camera: CheckResult
    microphone: CheckResult
    speaker: CheckResult
    network: CheckResult


class Answer(BaseModel):
    went: Literal["well", "so_so", "badly"]


def for_visits(
    doors: Doors, lobby: Lobby, absences: Absences, messages: Messages
) -> None:
    limit = Limit(SAID_PER_SECOND, BURST, lobby.clock)

    @doors.get("/lobby/api/visit", Access.VISIT)
    async def see(request: web.Request) -> web.Response:
        return web.json_response(shown.view(await lobby.view(visit(request))))

    @doors.post("/lobby/api/visit/ask", Access.VISIT)
    async def ask(request: web.Request) -> web.Response:
        try:
            view = await lobby.ask(visit(request))
        except Refusal as no:
            ASKED.labels(no.code).inc()
            raise
        ASKED.labels("waiting").inc()
        return web.json_response(shown.view(view))

    @doors.post("/lobby/api/visit/leave", Access.VISIT)
    async def leave(request: web.Request) -> web.Response:
        return web.json_response(shown.view(await lobby.leave(visit(request))))

    @doors.put("/lobby/api/visit/checks", Access.VISIT)
    async def check(request: web.Request) -> web.Response:
        checks = await body(request, Checks)
        await lobby.checked(visit(request), checks.model_dump())
        return web.Response(status=NO_CONTENT)

    @doors.post("/lobby/api/visit/away", Access.VISIT)
    async def away(request: web.Request) -> web.Response:
        session = visit(request)
        limit.take(session.sub)
        await absences.away(session)
        return web.json_response(shown.view(await lobby.view(session)))

    @doors.post("/lobby/api/visit/back", Access.VISIT)
    async def back(request: web.Request) -> web.Response:
        session = visit(request)
        limit.take(session.sub)
        await absences.back(session)
        return web.json_response(shown.view(await lobby.view(session)))

    @doors.post("/lobby/api/visit/messages/{message}/read", Access.VISIT)
    async def read(request: web.Request) -> web.Response:
        session = visit(request)
        limit.take(session.sub)
        message = await messages.read(session, _message(request))
        return web.json_response({"message": shown.message(message)})

    @doors.post("/lobby/api/visit/answer", Access.VISIT)
    async def answer(request: web.Request) -> web.Response:
        ANSWERS.labels((await body(request, Answer)).went).inc()
        return web.Response(status=NO_CONTENT)


def _message(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["message"])
    except ValueError:
        raise NoSuchMessage("There is no such message.") from None
