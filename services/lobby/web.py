"""The lobby's doors: one function a door."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from chassis.refusal import Refusal
from chassis.web import Access, BadRequest, Doors, body, staff, visit
from contract.identity import Role
from services.lobby.domain import (
    AlreadyInCall,
    AppointmentIsCancelled,
    AppointmentIsOver,
    CheckResult,
    NobodyThere,
    NotInCall,
    NotOpenYet,
    NotWaiting,
    NoVisit,
    Place,
    Reason,
    Seen,
    SomeoneWasFirst,
    Visit,
)
from services.lobby.flows import Lobby, Queue, View
from services.lobby.metrics import ANSWERS, ASKED, DECIDED

NO_CONTENT = 204


class NothingSeen(Refusal):
    """A decision must say which version of the place it was made on."""

    code = "nothing_seen"


STATUSES: Mapping[type[Refusal], int] = {
    NoVisit: 404,
    NobodyThere: 404,
    NotOpenYet: 409,
    AppointmentIsCancelled: 409,
    AppointmentIsOver: 409,
    AlreadyInCall: 409,
    NotWaiting: 409,
    NotInCall: 409,
    SomeoneWasFirst: 412,
    NothingSeen: 428,
}


class Checks(BaseModel):
    camera: CheckResult
    microphone: CheckResult
    speaker: CheckResult
    network: CheckResult


class Answer(BaseModel):
    went: Literal["well", "so_so", "badly"]


class Why(BaseModel):
    reason: Reason


def doors(lobby: Lobby) -> Doors:
    doors = Doors()
    _for_visits(doors, lobby)
    _for_staff(doors, lobby)

    @doors.get("/lobby/jwks.json", Access.PUBLIC)
    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [lobby.key.public]})

    return doors


def _for_visits(doors: Doors, lobby: Lobby) -> None:
    @doors.get("/lobby/api/visit", Access.VISIT)
    async def see(request: web.Request) -> web.Response:
        return web.json_response(_view(await lobby.view(visit(request))))

    @doors.post("/lobby/api/visit/ask", Access.VISIT)
    async def ask(request: web.Request) -> web.Response:
        try:
            view = await lobby.ask(visit(request))
        except Refusal as no:
            ASKED.labels(no.code).inc()
            raise
        ASKED.labels("waiting").inc()
        return web.json_response(_view(view))

    @doors.post("/lobby/api/visit/leave", Access.VISIT)
    async def leave(request: web.Request) -> web.Response:
        return web.json_response(_view(await lobby.leave(visit(request))))

    @doors.put("/lobby/api/visit/checks", Access.VISIT)
    async def check(request: web.Request) -> web.Response:
        checks = await body(request, Checks)
        await lobby.checked(visit(request), checks.model_dump())
        return web.Response(status=NO_CONTENT)

    @doors.post("/lobby/api/visit/answer", Access.VISIT)
    async def answer(request: web.Request) -> web.Response:
        ANSWERS.labels((await body(request, Answer)).went).inc()
        return web.Response(status=NO_CONTENT)


def _for_staff(doors: Doors, lobby: Lobby) -> None:
    at_the_door = "/lobby/api/appointments/{appointment}/people/{person}"

    @doors.get("/lobby/api/queue", Access.STAFF)
    async def queue(request: web.Request) -> web.Response:
        session = staff(request)
        told = _queue(await lobby.queue(session))
        who = {"id": session.sub, "name": session.name}
        return web.json_response({"professional": who, **told})

    @doors.post(f"{at_the_door}/admission", Access.STAFF)
    async def admit(request: web.Request) -> web.Response:
        session, seen = staff(request), _seen(request)
        place = await lobby.admit(session, seen)
        DECIDED.labels("admitted").inc()
        admission = lobby.admission(seen.appointment_id, session.sub, Role.PROFESSIONAL)
        return web.json_response({"admission": admission, "person": _place(place)})

    @doors.post(f"{at_the_door}/refusal", Access.STAFF)
    async def refuse(request: web.Request) -> web.Response:
        why = (await body(request, Why)).reason
        place = await lobby.refuse(staff(request), _seen(request), why)
        DECIDED.labels("refused").inc()
        return web.json_response({"person": _place(place)})

    @doors.post(f"{at_the_door}/return", Access.STAFF)
    async def send_back(request: web.Request) -> web.Response:
        why = (await body(request, Why)).reason
        place = await lobby.send_back(staff(request), _seen(request), why)
        DECIDED.labels("returned").inc()
        return web.json_response({"person": _place(place)})

    @doors.get("/lobby/api/appointments/{appointment}/admission", Access.STAFF)
    async def way_back(request: web.Request) -> web.Response:
        appointment = request.match_info["appointment"]
        admission = await lobby.own_admission(staff(request), appointment)
        return web.json_response({"admission": admission})


def _seen(request: web.Request) -> Seen:
    """The place in the path, and the version of it in If-Match (RFC 9110, 13.1.1)."""
    given = request.headers.get("If-Match")
    if given is None:
        raise NothingSeen("Say which version you have seen, in If-Match.")
    try:
        version = int(given.strip('"'))
    except ValueError:
        raise BadRequest("If-Match is not a version.", fields=["If-Match"]) from None
    try:
        person = UUID(request.match_info["person"])
    except ValueError:
        raise NobodyThere("Nobody is there by that name.") from None
    return Seen(request.match_info["appointment"], person, version)


def _view(view: View) -> dict[str, Any]:
    place = view.place
    return {
        "server_time": _time(view.at),
        "appointment": _appointment(view.visit),
        "place": {
            "person_id": str(place.person.person_id),
            "role": place.person.role,
            "state": place.state,
            "version": place.version,
            "since": _time(place.since),
            "reason": place.reason,
        },
        "ahead": view.ahead,
        "can_ask": view.can_ask,
        "opens_at": _time(view.visit.starts_at),
        "admission": view.admission,
    }


def _queue(queue: Queue) -> dict[str, Any]:
    units = {
        seen.details.unit.id: seen.details.unit.model_dump()
        for seen, _ in queue.visits
        if seen.details
    }
    return {
        "server_time": _time(queue.at),
        "units": list(units.values()),
        "appointments": [
            {**_booked(seen), "people": _people(places, queue)}
            for seen, places in queue.visits
        ],
    }


def _booked(seen: Visit) -> dict[str, Any]:
    name = seen.details.patient_name.get_secret_value() if seen.details else None
    return {
        **_appointment(seen),
        "patient": {"name": name},
        "invitation": "failed" if seen.invitation_failed else "unknown",
        "in_call": seen.in_call_since is not None,
    }


def _people(places: Sequence[Place], queue: Queue) -> list[dict[str, Any]]:
    return [
        {
            **_place(place),
            "present": (place.appointment_id, place.person.person_id) in queue.present,
        }
        for place in places
    ]


def _appointment(seen: Visit) -> dict[str, Any]:
    details = seen.details
    return {
        "appointment_id": seen.appointment_id,
        "unit": details.unit.model_dump() if details else None,
        "service": details.service if details else None,
        "professional": details.professional.model_dump() if details else None,
        "starts_at": _time(seen.starts_at),
        "ends_at": _time(seen.ends_at),
        "status": seen.status,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "person_id": str(place.person.person_id),
        "role": place.person.role,
        "name": place.person.name.get_secret_value(),
        "birth_year": place.person.birth_year,
        "method": place.person.method,
        "state": place.state,
        "version": place.version,
        "since": _time(place.since),
        "reason": place.reason,
        "by": place.by.model_dump() if place.by else None,
        "checks": dict(place.checks) or None,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None
