"""Doors of a guardian's act: the page asks `POST /identity/act`, or `/identity/act/no`."""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from pydantic import SecretStr

from chassis.clock import Clock
from chassis.limits import Limit
from chassis.web import VISIT_COOKIE, Access, Doors
from services.identity import cookies
from services.identity.acting import Acting

PAGE = "/acting"
COOKIE = "__Host-act"
A_SECOND = 1.0  # of one address
AT_ONCE = 30


def act_doors(made: Doors, acting: Acting, clock: Clock) -> None:
    limit = Limit(A_SECOND, AT_ONCE, clock)

    @made.post("/identity/act", Access.PUBLIC, limit)
    async def act(request: web.Request) -> web.Response:
        entrance = await acting.confirm(secret_in(request.cookies))
        answer = web.Response(status=HTTPStatus.NO_CONTENT)
        cookies.take_back(answer, COOKIE)
        lasts = entrance.until - clock()
        cookies.put(answer, VISIT_COOKIE, entrance.token, lasts)
        return answer

    @made.post("/identity/act/no", Access.PUBLIC, limit)
    async def no_act(request: web.Request) -> web.Response:
        await acting.decline(secret_in(request.cookies))
        answer = web.Response(status=HTTPStatus.NO_CONTENT)
        cookies.take_back(answer, COOKIE)
        return answer


def secret_in(brought: Mapping[str, str]) -> SecretStr:
    """What the browser was given when the guardian was asked, among its cookies."""
    return SecretStr(brought.get(COOKIE, ""))
