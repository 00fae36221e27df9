"""Identity's doors: one function a door, and the table from refusal to status.

Who comes back from a provider is sent on in landing.py.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.limits import Limit
from chassis.refusal import Refusal
from chassis.web import Access, Doors, body
from services.identity import cookies
from services.identity.act_doors import act_doors
from services.identity.domain import (
    ATTEMPT_LASTS,
    AnotherAppointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    ChildNeedsOwnCredentials,
    GuardianNotConfirmed,
    HandoverOver,
    IdentificationCancelled,
    IdentificationExpired,
    IdentificationFailed,
    LinkUnknown,
    LogoutNotTaken,
    NoPersonalCode,
    StaffNotAllowed,
    WrongPerson,
)
from services.identity.flows import Visits
from services.identity.landing import Landing
from services.identity.staff_flows import StaffLogins

KEYS_AGE = {"Cache-Control": "public, max-age=300"}
LOGINS_A_SECOND = 1.0  # of one address; a whole clinic may be behind one
LOGINS_AT_ONCE = 30
PublicKeys = Sequence[Mapping[str, Any]]

STATUSES: Mapping[type[Refusal], int] = {
    LinkUnknown: 404,
    AnotherAppointment: 409,
    HandoverOver: 403,
    AppointmentIsCancelled: 409,
    AppointmentIsOver: 409,
    IdentificationCancelled: 403,
    IdentificationExpired: 403,
    IdentificationFailed: 403,
    WrongPerson: 403,
    ChildNeedsOwnCredentials: 403,
    GuardianNotConfirmed: 403,
    NoPersonalCode: 403,
    StaffNotAllowed: 403,
    LogoutNotTaken: 400,
}


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    language: Literal["sv", "fi", "en"]


class VisitLogin(Body):
    link: SecretStr = Field(max_length=200)


class StaffLogin(Body):
    """Nothing but the language: who it is, the provider says."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the world may know: keys of sessions, and ours towards the providers."""

    session: PublicKeys
    client: PublicKeys


def doors(
    visits: Visits,
    staff: StaffLogins,
    keys: Keys,
    landing: Landing,
) -> Doors:
    made = Doors()
    visit_doors(made, visits, landing)
    act_doors(made, landing.acting, landing.clock)
    staff_doors(made, staff, landing)
    key_doors(made, keys)
    return made


def visit_doors(made: Doors, visits: Visits, landing: Landing) -> None:
    limit = Limit(LOGINS_A_SECOND, LOGINS_AT_ONCE, landing.clock)

    @made.post("/identity/login", Access.PUBLIC, limit)
    async def login(request: web.Request) -> web.Response:
        asked = await body(request, VisitLogin)
        browser = cookies.browser(request) or secrets.token_urlsafe()
        location = await visits.begin(asked.link, asked.language, browser)
        return _sent_off(location, browser)

    @made.get("/identity/callback", Access.PUBLIC)
    async def callback(request: web.Request) -> web.Response:
        return await landing.visit(request, visits, dict(request.query))


def staff_doors(made: Doors, staff: StaffLogins, landing: Landing) -> None:
    limit = Limit(LOGINS_A_SECOND, LOGINS_AT_ONCE, landing.clock)

    @made.post("/identity/staff/login", Access.PUBLIC, limit)
    async def staff_login(request: web.Request) -> web.Response:
        asked = await body(request, StaffLogin)
        browser = cookies.browser(request) or secrets.token_urlsafe()
        return _sent_off(await staff.begin(asked.language, browser), browser)

    @made.get("/identity/staff/callback", Access.PUBLIC)
    async def staff_callback(request: web.Request) -> web.Response:
        return await landing.staff(request, staff)


def key_doors(made: Doors, keys: Keys) -> None:
    @made.get("/identity/jwks.json", Access.PUBLIC)
    async def session_keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": list(keys.session)}, headers=KEYS_AGE)

    @made.get("/identity/client/jwks.json", Access.PUBLIC)
    async def client_keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": list(keys.client)}, headers=KEYS_AGE)


def _sent_off(location: str, browser: str) -> web.Response:
    answer = web.json_response({"location": location})
    cookies.put(answer, cookies.ATTEMPT, browser, ATTEMPT_LASTS)
    return answer
