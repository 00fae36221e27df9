"""The lobby's doors, and what each refusal is in HTTP."""

from collections.abc import Mapping

from aiohttp import web

from chassis.refusal import Refusal
from chassis.web import Access, Doors
from services.lobby.delays import Delays
from services.lobby.flows import Lobby
from services.lobby.messages import Messages
from services.lobby.refusals import (
    AlreadyBegun,
    AlreadyInCall,
    AppointmentIsCancelled,
    AppointmentIsOver,
    NobodyThere,
    NoSuchMessage,
    NothingSeen,
    NotInCall,
    NotOpenYet,
    NotWaiting,
    NoVisit,
    SomeoneWasFirst,
)
from services.lobby.staff_doors import for_staff
from services.lobby.visit_doors import for_visits

STATUSES: Mapping[type[Refusal], int] = {
    NoVisit: 404,
    NobodyThere: 404,
    NoSuchMessage: 404,
    NotOpenYet: 409,
    AppointmentIsCancelled: 409,
    AppointmentIsOver: 409,
    AlreadyBegun: 409,
    AlreadyInCall: 409,
    NotWaiting: 409,
    NotInCall: 409,
    SomeoneWasFirst: 412,
    NothingSeen: 428,
}


def doors(lobby: Lobby, messages: Messages, delays: Delays) -> Doors:
    doors = Doors()
    for_visits(doors, lobby, lobby.absences, messages)
    for_staff(doors, lobby, lobby.absences, messages, delays)

    @doors.get("/lobby/jwks.json", Access.PUBLIC)
    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [lobby.key.public]})

    return doors
