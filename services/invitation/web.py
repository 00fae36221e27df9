"""The doors of the invitation service, for staff: see how it stands, and send again.

No door shows a whole address, or a link.
"""

import re
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, SecretStr

from chassis.clock import Clock
from chassis.limits import Limit
from chassis.outcome import Reason
from chassis.refusal import Refusal
from chassis.smtp import NotAnAddress, mail_address
from chassis.web import Access, BadRequest, Doors, body, staff
from contract.booking import Language
from services.invitation import shown
from services.invitation.domain import (
    AddressInvalid,
    AlreadyOnItsWay,
    Appointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    AppointmentUnknown,
    NotAsked,
    RecipientUnknown,
    Status,
)
from services.invitation.form import Wording
from services.invitation.letter import LetterWriter
from services.invitation.returns import Returns
from services.invitation.staff_flows import PATIENT, Oversight

STATUSES: Mapping[type[Refusal], int] = {
    AppointmentUnknown: 404,
    AppointmentIsCancelled: 409,
    AppointmentIsOver: 409,
    AlreadyOnItsWay: 409,
    NotAsked: 409,
    RecipientUnknown: 404,
    AddressInvalid: 422,
}
LARGEST_REPORT = 1024 * 1024
SOME_MINUTES = 10  # of a delay, to show what is written of one
LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@.]+(\.[^\s@.]+)+")
DAY = "/invitation/api/appointments"
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
    corrections = Limit(rate=0.1, burst=10, clock=clock)

    @doors.get(DAY, Access.STAFF)
    async def day(request: web.Request) -> web.Response:
        on = _day(request)
        found = await oversight.day(on, staff(request))
        lines = [shown.of_day(each, clock()) for each in found]
        return web.json_response({"on": on.isoformat(), "appointments": lines})

    @doors.get(HERE, Access.STAFF)
    async def standing(request: web.Request) -> web.Response:
        appointment_id = request.match_info["appointment_id"]
        told = await oversight.standing(appointment_id, staff(request))
        return web.json_response(shown.standing(told))

    @doors.get(f"{HERE}/preview", Access.STAFF)
    async def preview(request: web.Request) -> web.Response:
        language, wording = _language(request), _asked_wording(request)
        appointment = await oversight.shown(
            request.match_info["appointment_id"], staff(request)
        )
        letter = letters.write(
            appointment,
            wording or _wording(appointment),
            f"{origin}/v/…",
            language,
            appointment.delay or SOME_MINUTES,
        )
        return web.Response(
            text=letter.html,
            content_type="text/html",
            headers={"Content-Security-Policy": PREVIEW_POLICY},
        )

    @doors.post(f"{HERE}/resend", Access.STAFF, seldom)
    async def resend(request: web.Request) -> web.Response:
        """To the patient, unless the body names another recipient."""
        asked = await body(request, Again) if request.can_read_body else Again()
        appointment_id = request.match_info["appointment_id"]
        told = await oversight.send_again(
            appointment_id, asked.recipient, staff(request)
        )
        return web.json_response(shown.standing(told), status=202)

    @doors.put(f"{HERE}/address", Access.STAFF, corrections)
    async def address(request: web.Request) -> web.Response:
        email = _address((await body(request, Correction)).email)
        appointment_id = request.match_info["appointment_id"]
        told = await oversight.correct(appointment_id, email, staff(request))
        return web.json_response(shown.standing(told))

    return doors


class Again(BaseModel):
    recipient: str = PATIENT


class Correction(BaseModel):
    email: SecretStr


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


def _asked_wording(request: web.Request) -> Wording | None:
    asked = request.query.get("kind")
    try:
        return Wording(asked) if asked else None
    except ValueError:
        raise BadRequest("We do not write that kind.", fields=["kind"]) from None


def _day(request: web.Request) -> date:
    try:
        return date.fromisoformat(request.query.get("on", ""))
    except ValueError:
        raise BadRequest("It is not a day, as 2026-11-23.", fields=["on"]) from None


def _address(email: SecretStr) -> SecretStr:
    """The address, if mail can go there."""
    text = email.get_secret_value().strip()
    if not ADDRESS.fullmatch(text) or len(text) > LONGEST_ADDRESS:
        raise AddressInvalid("That is not an e-mail address.")
    try:
        mail_address(text)
    except NotAnAddress:
        raise AddressInvalid("That is not an e-mail address.") from None
    return SecretStr(text)
