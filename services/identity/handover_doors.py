"""Doors of a hand-over. The page asks for a code, shows it, and hears when it is used."""

import segno
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.clock import Clock
from chassis.limits import Limit
from chassis.sessions import VisitSession
from chassis.web import VISIT_COOKIE, Access, Doors, body, visit
from services.identity.handovers import CODE_LASTS, Handovers
from services.identity.session_doors import VISIT, told

A_SECOND = 0.5  # of one address
AT_ONCE = 20


class Taken(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    code: SecretStr = Field(max_length=100)


def handover_doors(
    made: Doors, handovers: Handovers, origin: str, clock: Clock
) -> None:
    limit = Limit(A_SECOND, AT_ONCE, clock)

    @made.post("/identity/handover", Access.PUBLIC, limit)
    async def begin(request: web.Request) -> web.Response:
        cookie = request.cookies.get(VISIT_COOKIE)
        token = await handovers.keys.recognise(cookie, VisitSession)
        code = await handovers.begin(token)
        picture = drawn(f"{origin}/h/{code.get_secret_value()}")
        seconds = int(CODE_LASTS.total_seconds())
        return web.json_response({"picture": picture, "seconds": seconds})

    @made.get("/identity/handover", Access.VISIT)
    async def was_taken(request: web.Request) -> web.Response:
        return web.json_response({"taken": await handovers.was_taken(visit(request))})

    @made.post("/identity/handover/taken", Access.PUBLIC, limit)
    async def take(request: web.Request) -> web.Response:
        code = (await body(request, Taken)).code
        return told(VISIT, await handovers.take(code))


def drawn(address: str) -> str:
    """The address as a QR code: an SVG in a data address, black on white in any theme."""
    code = segno.make(address, error="m", micro=False)
    return code.svg_data_uri(scale=6, border=4, dark="black", light="white")
