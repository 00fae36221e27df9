"""The doors to the doorbells: where somebody waits, and "I have seen it"."""

from typing import Any
from uuid import UUID

from aiohttp import web

from chassis.web import Access, Doors, staff
from services.notifier.bells import Bells
from services.notifier.doorbell import Doorbell, NoDoorbell, Word


def doorbell_doors(made: Doors, bells: Bells) -> None:
    @made.get("/notifier/api/doorbells", Access.STAFF)
    async def ringing(request: web.Request) -> web.Response:
        found = await bells.open_at(staff(request).units)
        told = [_doorbell(bell) for bell in found]
        now = bells.clock().isoformat()
        return web.json_response({"server_time": now, "doorbells": told})

    @made.post(
        "/notifier/api/doorbells/{appointment}/{person}/acknowledgement", Access.STAFF
    )
    async def acknowledge(request: web.Request) -> web.Response:
        session = staff(request)
        bell = await bells.acknowledge(
            request.match_info["appointment"],
            _person(request),
            session.units,
            session.sub,
        )
        return web.json_response({"doorbell": _doorbell(bell)})


def _person(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["person"])
    except ValueError:
        raise NoDoorbell("Nobody waits there.") from None


def _doorbell(bell: Doorbell) -> dict[str, Any]:
    return {
        "appointment_id": bell.appointment_id,
        "person_id": str(bell.person_id),
        "unit_id": bell.unit_id,
        "since": bell.since.isoformat() if bell.since else None,
        "rung": bell.highest,
        "acknowledged": _answer(bell.answered) if bell.answered else None,
    }


def _answer(word: Word) -> dict[str, Any]:
    """How it was noticed: acknowledged, messaged or summoned."""
    at = word.noted_at.isoformat()
    return {"by": word.by, "at": at, "how": word.what}
