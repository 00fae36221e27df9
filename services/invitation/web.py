"""The doors of the invitation service, for staff: see how it stands, and send again.

No door shows an address or a link.
"""

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, SecretStr

from chassis.clock import Clock
from chassis.limits import Limit
from chassis.outcome import Reason
from chassis.refusal import Refusal
from chassis.web import Access, BadRequest, Doors, body, staff
from contract.booking import Language
from services.invitation.domain import (
    AlreadyOnItsWay,
    Appointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    AppointmentUnknown,
    Delivery,
    Status,
)
from services.invitation.form import Wording
from services.invitation.letter import LetterWriter
from services.invitation.returns import Returns
from services.invitation.staff_flows import Oversight, Standing

STATUSES: Mapping[type[Refusal], int] = {
    AppointmentUnknown: 404,
    AppointmentIsCancelled: 409,
    AppointmentIsOver: 409,
    AlreadyOnItsWay: 409,
}
LARGEST_REPORT = 1024 * 1024
HERE = "/invitation/api/appointments/{appointment_id}"

# A letter has its styles inlined, as mail must; it runs nothing and loads nothing.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "base-uri 'none'; sandbox"
)


def doors(
    oversight: Oversight, letters: LetterWriter, origin: str, clock: Clock
) -> Doors:
    doors = Doors()
    seldom = Limit(rate=0.2, burst=10, clock=clock)

    @doors.get(HERE, Access.STAFF)
    async def standing(request: web.Request) -> web.Response:
        appointment_id = request.match_info["appointment_id"]
        return _told(await oversight.standing(appointment_id, staff(request)))

    @doors.get(f"{HERE}/preview", Access.STAFF)
    async def preview(request: web.Request) -> web.Response:
        language = _language(request)
        appointment = await oversight.shown(
            request.match_info["appointment_id"], staff(request)
        )
        letter = letters.write(
            appointment, _wording(appointment), f"{origin}/v/…", language
        )
        return web.Response(
            text=letter.html,
            content_type="text/html",
            headers={"Content-Security-Policy": PREVIEW_POLICY},
        )

    @doors.post(f"{HERE}/resend", Access.STAFF, seldom)
    async def resend(request: web.Request) -> web.Response:
        appointment_id = request.match_info["appointment_id"]
        return _told(
            await oversight.send_again(appointment_id, staff(request)), status=202
        )

    return doors


def open_for_reports(
    doors: Doors, returns: Returns, secret: SecretStr, clock: Clock
) -> None:
    """A mail server, or whoever reads for it, tells what could not be delivered."""
    steady = Limit(rate=50, burst=500, clock=clock)

    @doors.post("/invitation/bounces", Access.PROGRAM, steady, key=secret)
    async def bounces(request: web.Request) -> web.Response:
        if request.content_type == "application/json":
            told = await body(request, Told)
            await returns.told(told.delivery_id, told.reason)
        elif request.content_type == "message/rfc822":
            await returns.take(await _raw(request))
        else:
            raise BadRequest("It is neither message/rfc822 nor application/json.")
        return web.Response(status=204)


class Told(BaseModel):
    """A bounce that somebody has read already."""

    delivery_id: UUID
    reason: Reason


async def _raw(request: web.Request) -> bytes:
    """A report may return the whole e-mail, so it may be longer than other bodies."""
    raw = bytearray()
    async for some in request.content.iter_any():
        raw += some
        if len(raw) > LARGEST_REPORT:
            raise web.HTTPRequestEntityTooLarge(LARGEST_REPORT, len(raw))
    return bytes(raw)


def _language(request: web.Request) -> Language | None:
    asked = request.query.get("language")
    try:
        return Language(asked) if asked else None
    except ValueError:
        raise BadRequest(
            "We do not write that language.", fields=["language"]
        ) from None


def _wording(appointment: Appointment) -> Wording:
    off = appointment.status is Status.CANCELLED
    return Wording.CANCELLATION if off else Wording.INVITATION


def _told(standing: Standing, status: int = 200) -> web.Response:
    recipient, times = standing.appointment.known()
    told = {
        "appointment_id": standing.appointment.appointment_id,
        "status": standing.appointment.status,
        "language": recipient.language,
        "starts_at": times.starts_at.isoformat(),
        "ends_at": times.ends_at.isoformat(),
        "deliveries": [_delivery(each) for each in standing.deliveries],
    }
    return web.json_response(told, status=status)


def _delivery(delivery: Delivery) -> dict[str, object]:
    settled_at = delivery.settled_at
    return {
        "delivery_id": str(delivery.delivery_id),
        "kind": delivery.kind,
        "role": delivery.role,
        "state": delivery.state,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "asked_by": delivery.asked_by,
        "written_at": delivery.created_at.isoformat(),
        "settled_at": settled_at.isoformat() if settled_at else None,
    }
