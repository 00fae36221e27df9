"""What pages are told, in JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.lobby.delay import Delay
from services.lobby.domain import Visit
from services.lobby.flows import Queue, View
from services.lobby.message import Message
from services.lobby.place import Place, Summons


def view(seen: View) -> dict[str, Any]:
    place = seen.place
    return {
        "server_time": _time(seen.at),
        "appointment": _appointment(seen.visit),
        "place": {
            "person_id": str(place.person.person_id),
            "role": place.person.role,
            "state": place.state,
            "version": place.version,
            "since": _time(place.since),
            "reason": place.reason,
            "away_since": _time(place.away_since),
        },
        "ahead": seen.ahead,
        "can_ask": seen.can_ask,
        "opens_at": _time(seen.visit.starts_at),
        "admission": seen.admission,
        "delay": delay(seen.delay),
        "summons": _summons(place.summons),
        "messages": [message(each) for each in seen.messages],
    }


def queue(told: Queue) -> dict[str, Any]:
    units = {
        seen.details.unit.id: seen.details.unit.model_dump()
        for seen, _ in told.visits
        if seen.details
    }
    return {
        "server_time": _time(told.at),
        "units": list(units.values()),
        "appointments": [
            {**_booked(seen), "people": _people(places, told)}
            for seen, places in told.visits
        ],
    }


def _booked(seen: Visit) -> dict[str, Any]:
    name = seen.details.patient_name.get_secret_value() if seen.details else None
    return {
        **_appointment(seen),
        "patient": {"name": name},
        "invitation": "failed" if seen.invitation.failed else "unknown",
        "invitation_reason": seen.invitation.reason,
        "delay": delay(seen.told_delay()),
        "in_call": seen.in_call_since is not None,
    }


def _people(places: Sequence[Place], told: Queue) -> list[dict[str, Any]]:
    return [
        {
            **person(place),
            "present": (place.appointment_id, place.person.person_id) in told.present,
            "messages": [message(each) for each in told.messages.get(place.whom, ())],
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


def person(place: Place) -> dict[str, Any]:
    return {
        "person_id": str(place.person.person_id),
        "role": place.person.role,
        "name": place.person.name.get_secret_value(),
        "birth_year": place.person.birth_year,
        "method": place.person.method,
        "state": place.state,
        "version": place.version,
        "since": _time(place.since),
        "asked_at": _time(place.asked_at),
        "reason": place.reason,
        "by": place.by.model_dump() if place.by else None,
        "checks": dict(place.checks) or None,
        "away_since": _time(place.away_since),
        "summons": _summons(place.summons),
    }


def message(sent: Message) -> dict[str, Any]:
    return {
        "message_id": str(sent.message_id),
        "code": sent.code,
        "text": sent.text.get_secret_value() if sent.text else None,
        "at": _time(sent.at),
        "by": sent.by.model_dump(),
        "read_at": _time(sent.read_at),
    }


def delay(late: Delay | None) -> dict[str, Any] | None:
    if late is None:
        return None
    return {
        "minutes": late.minutes,
        "inferred": late.inferred,
        "at": _time(late.at),
    }


def _summons(called: Summons | None) -> dict[str, Any] | None:
    return {"until": _time(called.until)} if called else None


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None
