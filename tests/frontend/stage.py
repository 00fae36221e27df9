"""A stage for the pages: the real templates and modules, and a lobby that says what a test tells it to.

Only how pages look and speak is tried here. Whether the suite works is tried over the real services, in
`tests/journeys`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from services.identity.handover_doors import drawn
from services.lobby.pages import File, Pages, load

FRONTEND = Path(__file__).parents[2] / "frontend"
STRICT = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'"
)
HEARD_EVERY = 0.4  # seconds
AHEAD = timedelta(hours=3)  # the stage's clock is not the browser's
NAMES = {"sv": "Testenhet", "fi": "Testiyksikkö", "en": "Test unit"}
PROFESSIONAL = {"id": "p-1", "name": "Testi-Leena Testilä"}
PASSED = dict.fromkeys(("camera", "microphone", "speaker", "network"), "pass")


def moment(at: datetime) -> str:
    return at.isoformat()


@dataclass
class Lobby:
    """What the pages are told."""

    appointment_id: str = "a-1"
    opens_in: timedelta = timedelta(minutes=-5)
    state: str = "identified"
    status: str = "booked"
    reason: str | None = None
    version: int = 1
    known: bool = True
    reached: bool = True
    refusals: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, str] | None = None
    came_in: bool = False
    code_taken: bool = False
    may_stay: bool = True
    ends_in: timedelta = timedelta(hours=1)
    renewals: list[bool] = field(default_factory=list)
    logged_out: dict[str, Any] | None = None
    way_out: str | None = None  # where one logs out at the identity provider
    delay: dict[str, Any] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    away_since: datetime | None = None
    summoned_until: datetime | None = None
    texts: dict[str, Any] = field(
        default_factory=lambda: {"possible": True, "agreed": False, "ends_with": "67"}
    )
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    present: bool = True
    streams: bool = True
    bell: dict[str, Any] | None = None
    address: str = "t…@e….com"
    not_again: str | None = None
    letters: list[dict[str, Any]] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC) + AHEAD)

    def now(self) -> datetime:
        return datetime.now(UTC) + AHEAD

    @property
    def opens_at(self) -> datetime:
        return self.started + self.opens_in

    def move(self, state: str, reason: str | None = None) -> None:
        self.state, self.reason, self.version = state, reason, self.version + 1

    def late(self, minutes: int, *, inferred: bool = False) -> None:
        at = moment(self.now())
        self.delay = {"minutes": minutes, "inferred": inferred, "at": at}

    def write(self, code: str | None = None, text: str | None = None) -> None:
        self.messages.append(
            {
                "message_id": f"m-{len(self.messages) + 1}",
                "code": code,
                "text": text,
                "at": moment(self.now()),
                "by": PROFESSIONAL,
                "read_at": None,
            }
        )

    def summon(self, grace: timedelta) -> None:
        self.summoned_until = self.now() + grace

    def come_back(self) -> None:
        self.away_since = self.summoned_until = None

    def appointment(self) -> dict[str, Any]:
        return {
            "appointment_id": self.appointment_id,
            "unit": {"id": "u-1", "name": NAMES},
            "service": "general",
            "professional": PROFESSIONAL,
            "starts_at": moment(self.opens_at),
            "ends_at": moment(self.opens_at + timedelta(minutes=30)),
            "status": self.status,
        }

    def place(self) -> dict[str, Any]:
        return {
            "person_id": "person-1",
            "role": "patient",
            "state": self.state,
            "version": self.version,
            "since": moment(self.started),
            "reason": self.reason,
            "away_since": self.away_since and moment(self.away_since),
        }

    def summons(self) -> dict[str, str] | None:
        until = self.summoned_until
        return {"until": moment(until)} if until else None

    def visit(self) -> dict[str, Any]:
        free = self.state in {"identified", "refused", "left"}
        due = self.status == "booked" and self.now() >= self.opens_at
        return {
            "server_time": moment(self.now()),
            "appointment": self.appointment(),
            "place": self.place(),
            "ahead": "next" if self.state == "waiting" else None,
            "can_ask": free and due,
            "opens_at": moment(self.opens_at),
            "admission": None,
            "delay": self.delay,
            "summons": self.summons(),
            "messages": self.messages,
        }

    def session(self) -> dict[str, Any]:
        now = self.now()
        return {
            "server_time": moment(now),
            "renew_at": moment(now + timedelta(minutes=5)),
            "warn_at": moment(now + self.ends_in - timedelta(minutes=5)),
            "ends_at": moment(now + self.ends_in),
            "may_stay": self.may_stay,
        }

    def queue(self) -> dict[str, Any]:
        person = {
            **self.place(),
            "asked_at": moment(self.started) if self.state != "identified" else None,
            "name": "Testi-Maija Testinen",
            "birth_year": 1952,
            "method": "test",
            "present": self.present,
            "checks": self.checks,
            "summons": self.summons(),
            "messages": self.messages,
        }
        booked = {
            "patient": {"name": person["name"]},
            "in_call": False,
            "delay": self.delay,
            "invitation_reason": None,
        }
        later = {
            **booked,
            "appointment_id": "a-2",
            "invitation": "failed",
            "invitation_reason": "mailbox_full",
        }
        return {
            "server_time": moment(self.now()),
            "professional": PROFESSIONAL,
            "units": [{"id": "u-1", "name": NAMES}],
            "appointments": [
                {
                    **self.appointment(),
                    **booked,
                    "invitation": "unknown",
                    "people": [person],
                },
                {**self.appointment(), **later, "people": []},
            ],
        }

    def ring(self, rung: str | None) -> None:
        self.bell = {
            "appointment_id": "a-1",
            "person_id": "person-1",
            "since": moment(self.started),
            "rung": rung,
            "acknowledged": None,
        }

    def letter(self, kind: str, state: str, reason: str | None = None) -> None:
        at = moment(self.now())
        self.letters.append(
            {
                "delivery_id": f"d-{len(self.letters) + 1}",
                "recipient": "patient",
                "kind": kind,
                "state": state,
                "reason": reason,
                "written_at": at,
                "wanted_at": at,
                "settled_at": None if state == "queued" else at,
            }
        )

    def invitation(self) -> dict[str, Any]:
        patient = {
            "recipient": "patient",
            "role": None,
            "address": self.address,
            "not_again": self.not_again,
        }
        return {"recipients": [patient], "deliveries": self.letters}


def problem(status: int, code: str, **more: str) -> web.Response:
    told = {"type": "about:blank", "title": code, "status": status, "code": code}
    return web.json_response(
        {**told, **more}, status=status, content_type="application/problem+json"
    )


class Stage:
    def __init__(self) -> None:
        self.pages: Pages = load(FRONTEND)
        self.lobby = Lobby()
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        for path, name in {
            "/": "start",
            "/entry": "entry",
            "/acting": "acting",
            "/v/{link}": "entry",
            "/h": "handover",
            "/h/{code}": "handover",
            "/visit": "visit",
            "/staff": "staff",
            "/privacy": "privacy",
            "/accessibility": "accessibility",
        }.items():
            app.router.add_get(path, self._page(name))
        app.router.add_get("/sorry/{code}", self._sorry)
        app.router.add_get("/static/{version}/{name:.+}", self._file)
        app.router.add_get("/lobby/api/visit", self._visit)
        app.router.add_post("/lobby/api/visit/ask", self._ask)
        app.router.add_put("/lobby/api/visit/checks", self._checks)
        app.router.add_post("/lobby/api/visit/away", self._put_away)
        app.router.add_post("/lobby/api/visit/back", self._come_here)
        app.router.add_post("/lobby/api/visit/messages/{id}/read", self._read)
        app.router.add_get("/notifier/api/visit/channels", self._channels)
        app.router.add_put("/notifier/api/visit/consent", self._consent)
        app.router.add_get("/notifier/api/push/key", self._push_key)
        app.router.add_post("/notifier/api/push/subscription", self._subscribe)
        app.router.add_get("/push-worker.js", self._worker)
        app.router.add_get("/notifier/stream/{who}", self._stream)
        app.router.add_get("/lobby/api/queue", self._queue)
        app.router.add_get("/notifier/api/doorbells", self._bells)
        app.router.add_post("/notifier/api/doorbells/{where:.+}", self._acknowledge)
        invitation = "/invitation/api/appointments/{appointment}"
        app.router.add_get(invitation, self._invitation)
        app.router.add_post(f"{invitation}/resend", self._resend)
        app.router.add_put(f"{invitation}/address", self._correct)
        app.router.add_post("/lobby/api/appointments/{where:.+}", self._decide)
        app.router.add_post("/identity/login", self._login)
        for who in ("", "/staff"):
            app.router.add_post(f"/identity{who}/session", self._renew)
            app.router.add_post(f"/identity{who}/logout", self._logout)
        app.router.add_get("/identity/logout", self._way_out)
        app.router.add_post("/identity/session/entry", self._come_back)
        app.router.add_post("/identity/handover", self._show_code)
        app.router.add_get("/identity/handover", self._was_taken)
        app.router.add_post("/identity/handover/taken", self._take_code)
        return app

    def _page(self, name: str) -> Any:
        async def show(request: web.Request) -> web.Response:
            return _shown(
                self.pages.page(name, request.query.get("lang", "sv")), STRICT
            )

        return show

    async def _sorry(self, request: web.Request) -> web.Response:
        code, language = request.match_info["code"], request.query.get("lang", "sv")
        return _shown(self.pages.sorry(code, language), STRICT)

    async def _file(self, request: web.Request) -> web.Response:
        return _shown(self.pages.files[request.match_info["name"]])

    def _refused(self, what: str) -> web.Response | None:
        if not self.lobby.reached:
            return problem(503, "unavailable")
        refusal = self.lobby.refusals.get(what)
        return problem(**refusal) if refusal else None

    async def _visit(self, _: web.Request) -> web.Response:
        if not self.lobby.known:
            return problem(404, "no_visit")
        return self._refused("visit") or web.json_response(self.lobby.visit())

    async def _ask(self, _: web.Request) -> web.Response:
        if refused := self._refused("ask"):
            return refused
        self.lobby.move("waiting")
        return web.json_response(self.lobby.visit())

    async def _checks(self, request: web.Request) -> web.Response:
        self.lobby.checks = await request.json()
        return web.Response(status=204)

    async def _put_away(self, _: web.Request) -> web.Response:
        if refused := self._refused("away"):
            return refused
        self.lobby.away_since = self.lobby.now()
        return web.json_response(self.lobby.visit())

    async def _come_here(self, _: web.Request) -> web.Response:
        self.lobby.come_back()
        return web.json_response(self.lobby.visit())

    async def _read(self, request: web.Request) -> web.Response:
        for each in self.lobby.messages:
            if each["message_id"] == request.match_info["id"]:
                each["read_at"] = moment(self.lobby.now())
        return web.Response(status=204)

    async def _channels(self, _: web.Request) -> web.Response:
        push = bool(self.lobby.subscriptions)
        return self._refused("channels") or web.json_response(
            {"push": push, "text_messages": self.lobby.texts}
        )

    async def _consent(self, request: web.Request) -> web.Response:
        self.lobby.texts["agreed"] = (await request.json())["text_messages"]
        return web.Response(status=204)

    async def _push_key(self, _: web.Request) -> web.Response:
        return web.json_response({"key": "BA" * 43})

    async def _subscribe(self, request: web.Request) -> web.Response:
        self.lobby.subscriptions.append(await request.json())
        return web.Response(status=204)

    async def _worker(self, _: web.Request) -> web.Response:
        return _shown(self.pages.files["push-worker.js"])

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Something may always have happened: the page asks, and nobody waits for it."""
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        with suppress(ConnectionError):
            while self.lobby.streams:
                await answer.write(b"event: notice\ndata: {}\n\n")
                await asyncio.sleep(HEARD_EVERY)
        return answer

    async def _queue(self, _: web.Request) -> web.Response:
        return self._refused("queue") or web.json_response(self.lobby.queue())

    async def _decide(self, request: web.Request) -> web.Response:
        deed = request.match_info["where"].rsplit("/", 1)[-1]
        if refused := self._refused(deed):
            return refused
        said = await request.json() if request.can_read_body else {}
        self._done(deed, said)
        return web.json_response({"person": self.lobby.place()})

    def _done(self, deed: str, said: dict[str, Any]) -> None:
        match deed:
            case "messages":
                self.lobby.write(said.get("code"), said.get("text"))
            case "delay":
                self.lobby.late(said["minutes"])
            case "summons":
                self.lobby.summon(timedelta(minutes=3))
            case "refusal":
                self.lobby.move("refused", said["reason"])
            case _:
                self.lobby.move("waiting", said["reason"])

    async def _bells(self, _: web.Request) -> web.Response:
        bells = [self.lobby.bell] if self.lobby.bell else []
        told = {"server_time": moment(self.lobby.now()), "doorbells": bells}
        return web.json_response(told)

    async def _acknowledge(self, _: web.Request) -> web.Response:
        assert self.lobby.bell
        at = moment(self.lobby.now())
        by = {"by": PROFESSIONAL["id"], "at": at, "how": "acknowledged"}
        self.lobby.bell["acknowledged"] = by
        return web.json_response({"doorbell": self.lobby.bell})

    async def _invitation(self, _: web.Request) -> web.Response:
        return web.json_response(self.lobby.invitation())

    async def _resend(self, _: web.Request) -> web.Response:
        if refused := self._refused("resend"):
            return refused
        self.lobby.letter("invitation", "queued")
        return web.json_response(self.lobby.invitation(), status=202)

    async def _correct(self, request: web.Request) -> web.Response:
        email = (await request.json())["email"]
        self.lobby.address = f"{email[0]}…@e….com"
        self.lobby.letter("invitation", "queued")
        return web.json_response(self.lobby.invitation())

    async def _renew(self, request: web.Request) -> web.Response:
        if refused := self._refused("session"):
            return refused
        self.lobby.renewals.append((await request.json())["stay"])
        if self.lobby.renewals[-1] and self.lobby.may_stay:
            self.lobby.ends_in = timedelta(hours=1)
        return web.json_response(self.lobby.session())

    async def _come_back(self, _: web.Request) -> web.Response:
        if not self.lobby.came_in:
            return problem(401, "no_session")
        return web.json_response(self.lobby.session())

    async def _show_code(self, _: web.Request) -> web.Response:
        picture = drawn(f"{self.url}/h/test-code")
        return web.json_response({"picture": picture, "seconds": 60})

    async def _was_taken(self, _: web.Request) -> web.Response:
        return web.json_response({"taken": self.lobby.code_taken})

    async def _take_code(self, request: web.Request) -> web.Response:
        if (await request.json())["code"] != "test-code":
            return problem(403, "handover_over")
        return web.json_response(self.lobby.session())

    async def _logout(self, request: web.Request) -> web.Response:
        if refused := self._refused("logout"):
            return refused
        self.lobby.logged_out = await request.json()
        if self.lobby.way_out is None:
            return web.Response(status=204)
        return web.json_response({"location": self.lobby.way_out})

    async def _way_out(self, _: web.Request) -> web.Response:
        return web.json_response({"there": self.lobby.way_out is not None})

    async def _login(self, _: web.Request) -> web.Response:
        return self._refused("login") or web.json_response({"location": "/visit"})


def _shown(file: File, policy: str = "default-src 'none'") -> web.Response:
    headers = {"Content-Security-Policy": policy, "Content-Type": file.kind}
    return web.Response(body=file.body, headers=headers)


@asynccontextmanager
async def raised() -> AsyncIterator[Stage]:
    """A stage that is listening."""
    stage = Stage()
    runner = web.AppRunner(stage.app(), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        stage.url = f"http://{host}:{port}"
        yield stage
    finally:
        await runner.cleanup()
