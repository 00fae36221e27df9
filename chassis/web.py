"""HTTP, as we speak it: doors that say who may use them, and refusals as answers.

Errors are RFC 9457 problem details with a stable `code`.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from time import perf_counter
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, SecretStr, ValidationError

from chassis.limits import Limit, TooMany
from chassis.logs import Log, trouble
from chassis.metrics import REQUESTS
from chassis.refusal import Contended, Refusal, Unavailable
from chassis.sessions import KeySet, NoSession, StaffSession, Token, VisitSession

BODY_BYTES = 64 * 1024
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
VISIT_COOKIE = "__Host-visit"
STAFF_COOKIE = "__Host-staff"
SESSION = web.RequestKey("session", Token)
SESSIONS = web.RequestKey("sessions", tuple[Token, ...])
OK = 200
BAD_REQUEST = 400
SERVER_ERROR = 500
# Ours, for the phrases of the standard library change from version to version.
CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}

HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), "
    "geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Access(StrEnum):
    """Who may use a door."""

    PUBLIC = "public"  # anyone
    VISIT = "visit"  # someone identified for an appointment
    STAFF = "staff"  # a professional who has logged in
    EITHER = "either"  # one of the two, or both in one browser
    PROGRAM = "program"  # one of the county's own, which shows the door's key
    PROVIDER = (
        "provider"  # an identity provider, or whom it sends: the body proves itself
    )


class WrongOrigin(Refusal):
    code = "wrong_origin"


class WrongKey(Refusal):
    """A program has come without the key of this door."""

    code = "wrong_key"


class BadRequest(Refusal):
    """The body is not what the door takes; names fields, never values."""

    code = "bad_request"


STATUSES: Mapping[type[Refusal], int] = {
    BadRequest: 400,
    NoSession: 401,
    WrongKey: 401,
    WrongOrigin: 403,
    TooMany: 429,
}

AnyBody = TypeVar("AnyBody", bound=BaseModel)
Door = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Doors:
    """The routes of a service. None can be made without saying who may use it."""

    def __init__(self) -> None:
        self.routes: list[web.RouteDef] = []
        self.access: dict[Door, Access] = {}
        self.limits: dict[Door, Limit] = {}
        self.keys: dict[Door, SecretStr] = {}

    def get(
        self, path: str, access: Access, limit: Limit | None = None
    ) -> Callable[[Door], Door]:
        return self._door("GET", path, access, limit)

    def post(
        self,
        path: str,
        access: Access,
        limit: Limit | None = None,
        key: SecretStr | None = None,
    ) -> Callable[[Door], Door]:
        """With `key` for a door of programs, and for no other."""
        if (access is Access.PROGRAM) is not (key is not None):
            raise ValueError("A door of programs has a key, and no other door has one.")
        make = self._door("POST", path, access, limit)

        def keyed(door: Door) -> Door:
            if key is not None:
                self.keys[door] = key
            return make(door)

        return keyed

    def put(
        self, path: str, access: Access, limit: Limit | None = None
    ) -> Callable[[Door], Door]:
        return self._door("PUT", path, access, limit)

    def delete(
        self, path: str, access: Access, limit: Limit | None = None
    ) -> Callable[[Door], Door]:
        return self._door("DELETE", path, access, limit)

    def _door(
        self, method: str, path: str, access: Access, limit: Limit | None
    ) -> Callable[[Door], Door]:
        def make(door: Door) -> Door:
            self.routes.append(web.route(method, path, door))
            self.access[door] = access
            if limit is not None:
                self.limits[door] = limit
            return door

        return make


@dataclass(frozen=True, slots=True)
class House:
    """What the middlewares need to know of the service they stand before."""

    service: str
    origin: str
    proxies: int
    statuses: Mapping[type[Refusal], int]
    doors: Doors
    keys: KeySet
    log: Log


def application(house: House) -> web.Application:
    """An application with these doors, guarded."""
    app = web.Application(
        middlewares=[_watching(house), _answering(house), _guarding(house)],
        client_max_size=BODY_BYTES,
    )
    app.add_routes(house.doors.routes)
    app.on_response_prepare.append(_dress)
    return app


def visit(request: web.Request) -> VisitSession:
    """The session of a door that is for visits."""
    session = request[SESSION]
    assert isinstance(session, VisitSession)  # noqa: S101 - the guard put it there
    return session


def staff(request: web.Request) -> StaffSession:
    """The session of a door that is for staff."""
    session = request[SESSION]
    assert isinstance(session, StaffSession)  # noqa: S101 - the guard put it there
    return session


def either(request: web.Request) -> tuple[Token, ...]:
    """The sessions of a door that is for visits and for staff: one or both."""
    return request[SESSIONS]


async def body(request: web.Request, shape: type[AnyBody]) -> AnyBody:
    """The request's JSON in this shape. Raises `BadRequest`."""
    try:
        return shape.model_validate_json(await request.read())
    except ValidationError as wrong:
        fields = sorted({".".join(map(str, each["loc"])) for each in wrong.errors()})
        raise BadRequest("The request is not understood.", fields=fields) from None


def client(request: web.Request, proxies: int) -> str:
    """The client's address: as the outermost trusted proxy saw it."""
    told = ",".join(request.headers.getall("X-Forwarded-For", []))
    seen = [each.strip() for each in told.split(",")]
    if proxies and len(seen) >= proxies and seen[-proxies]:
        return seen[-proxies]
    return request.remote or ""


def problem(
    status: int, code: str, text: str, more: Mapping[str, object]
) -> web.Response:
    """An answer that says no. `more` may hold `retry_after` in seconds."""
    told = {
        "type": "about:blank",
        "title": text,
        "status": status,
        "code": code,
        **more,
    }
    answer = web.json_response(
        told, status=status, content_type="application/problem+json"
    )
    if "retry_after" in more:
        answer.headers["Retry-After"] = str(more["retry_after"])
    return answer


def _watching(house: House) -> Middleware:
    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = perf_counter()
        try:
            answer = await handler(request)
        except web.HTTPException as moved:
            _note(house, request, moved.status, perf_counter() - began)
            raise
        if isinstance(answer, web.Response):
            _note(house, request, answer.status, perf_counter() - began)
        else:
            # A socket or a stream: how long it was open is no time to answer.
            house.log.info("A connection ended.", route=_route(request))
        return answer

    return watch


def _note(house: House, request: web.Request, status: int, seconds: float) -> None:
    # The route and never the path: a path may hold a link.
    route = _route(request)
    REQUESTS.labels(house.service, request.method, route, status).observe(seconds)
    house.log.info(
        "A request was answered.",
        method=request.method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
    )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


def _answering(house: House) -> Middleware:
    statuses = {**STATUSES, **house.statuses}

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as no:
            return problem(_status(statuses, no), no.code, str(no), no.more)
        except Unavailable as away:
            text = "We cannot do this right now. Try again in a moment."
            seconds = 1 if isinstance(away, Contended) else 3
            return problem(503, "unavailable", text, {"retry_after": seconds})
        except web.HTTPException as no:
            return _problem_of(no)
        except Exception as error:  # noqa: BLE001 - the last resort: answer, log, go on
            house.log.error(
                "A request failed.", route=_route(request), **trouble(error)
            )
            return problem(SERVER_ERROR, "failed", "Something went wrong here.", {})

    return answer


def _status(statuses: Mapping[type[Refusal], int], no: Refusal) -> int:
    """A refusal that no service gave a status is answered as the nearest of its kind."""
    family = (kind for kind in type(no).__mro__ if kind in statuses)
    return next((statuses[kind] for kind in family), SERVER_ERROR)


def _problem_of(no: web.HTTPException) -> web.Response:
    """What aiohttp itself refuses. A redirection is no refusal and goes its way."""
    if no.status < BAD_REQUEST:
        raise no
    answer = problem(no.status, CODES.get(no.status, "bad_request"), no.reason, {})
    if "Allow" in no.headers:
        answer.headers["Allow"] = no.headers["Allow"]
    return answer


async def _dress(_: web.Request, answer: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)


def _guarding(house: House) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        door = request.match_info.handler
        access = house.doors.access.get(door)
        if access not in {Access.PROVIDER, Access.PROGRAM}:
            _check_origin(request, house.origin)
        if limit := house.doors.limits.get(door):
            limit.take(client(request, house.proxies))
        match access:
            case Access.PROGRAM:
                _check_key(request, house.doors.keys[door])
            case Access.VISIT:
                token = request.cookies.get(VISIT_COOKIE)
                request[SESSION] = await house.keys.check(token, VisitSession)
            case Access.STAFF:
                token = request.cookies.get(STAFF_COOKIE)
                request[SESSION] = await house.keys.check(token, StaffSession)
            case Access.EITHER:
                request[SESSIONS] = await _sessions(house.keys, request)
        return await handler(request)

    return guard


def _check_key(request: web.Request, key: SecretStr) -> None:
    """`Authorization: Bearer <key>`, compared in the same time whatever it is."""
    shown = request.headers.get("Authorization", "").encode()
    if not compare_digest(shown, f"Bearer {key.get_secret_value()}".encode()):
        raise WrongKey("The key does not open this door.")


async def _sessions(keys: KeySet, request: web.Request) -> tuple[Token, ...]:
    """Those that hold. Raises `NoSession` when none does."""
    held: list[Token] = []
    for cookie, kind in ((VISIT_COOKIE, VisitSession), (STAFF_COOKIE, StaffSession)):
        with suppress(NoSession):
            held.append(await keys.check(request.cookies.get(cookie), kind))
    if not held:
        raise NoSession("You are not logged in.")
    return tuple(held)


def _check_origin(request: web.Request, origin: str) -> None:
    """What changes something is asked for by our own pages."""
    if request.method not in SAFE and request.headers.get("Origin") != origin:
        raise WrongOrigin("The request does not come from our own pages.")
