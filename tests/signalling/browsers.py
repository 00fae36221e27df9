"""Two or more browsers in a call: the pages' own modules, a real signalling, and a wire that can be disturbed.

What passes the wire is written down, so that a test counts offers and answers and no seconds.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from services.signalling.protocol import SUBPROTOCOL
from tests.keys import ORIGIN
from tests.signalling.pages import Frame, House, Visit

FRONTEND = Path(__file__).parents[2] / "frontend"
BOTH = ("audio", "video")
GUARD = 20.0  # seconds until a test gives up; no test is measured by it
LOOK_EVERY = 0.1
SESSION_OVER = 4402

# The devices are plain ones; how the pages open them is tried elsewhere.
PAGE = """<!doctype html><title>Call</title><script type="module">
import { Room } from '/static/room.js';
class Devices extends EventTarget {
  stream = new MediaStream();
  track(kind) { return this.stream.getTracks().find((each) => each.kind === kind) ?? null; }
  get on() { return { microphone: this.track('audio') !== null, camera: this.track('video') !== null }; }
  async take(kinds) {
    if (!kinds.length) return;
    const taken = await navigator.mediaDevices.getUserMedia({
      audio: kinds.includes('audio'),
      video: kinds.includes('video') && { width: 160, height: 120, frameRate: 10 },
    });
    for (const track of taken.getTracks()) {
      this.stream.addTrack(track);
      this.dispatchEvent(new CustomEvent('change', { detail: track.kind }));
    }
  }
  drop(kind) {
    const track = this.track(kind);
    this.stream.removeTrack(track);
    track.stop();
    this.dispatchEvent(new CustomEvent('change', { detail: kind }));
  }
}
window.admission = () => Promise.resolve(null);
window.renewed = () => Promise.resolve(true);
window.stopped = null;
window.made = [];
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(...given) { super(...given); window.made.push(this); }
};
window.enter = async (appointment, as, kinds) => {
  window.devices = new Devices();
  await window.devices.take(kinds);
  window.room = new Room({
    appointment, as, media: window.devices,
    admission: () => window.admission(), renewed: () => window.renewed(),
  });
  window.room.addEventListener('stopped', ({ detail }) => { window.stopped = detail; });
  await window.room.enter();
};
/** How much of each kind has come in, over the connection to each other person. */
window.received = async () => {
  const found = {};
  for (const [member, peer] of window.room.peers) {
    found[member] = { audio: 0, video: 0 };
    if (!peer.connection) continue;
    for (const each of (await peer.connection.getStats()).values()) {
      if (each.type !== 'inbound-rtp') continue;
      found[member][each.kind] += each.kind === 'video' ? each.framesDecoded ?? 0 : each.packetsReceived;
    }
  }
  return found;
};
window.ready = true;
</script>"""

# What one browser sends on the wire, and when: (seconds, frame) each.
Disturbance = Callable[[Frame], list[tuple[float, Frame]]]


def undisturbed(frame: Frame) -> list[tuple[float, Frame]]:
    return [(0, frame)]


@dataclass
class Line:
    """One socket of a browser's, and the one to signalling that it is passed on to."""

    member: str
    browser: web.WebSocketResponse
    server: aiohttp.ClientWebSocketResponse
    dead: bool = False


@dataclass
class Wire:
    """What passed between the browsers and signalling."""

    said: list[tuple[str, Frame]] = field(default_factory=list)
    disturb: Disturbance = undisturbed
    open: list["Line"] = field(default_factory=list)

    @property
    def hellos(self) -> int:
        return sum(each["type"] == "hello" for _, each in self.said)

    @property
    def offers(self) -> int:
        return self._described("offer")

    @property
    def answers(self) -> int:
        return self._described("answer")

    def _described(self, kind: str) -> int:
        """How many there were; the same one said again is the same one."""
        signals = [each for _, each in self.said if each.get("description")]
        return len(
            {
                (
                    each.get("connection"),
                    each.get("round") or each["description"]["sdp"],
                )
                for each in signals
                if each["description"]["type"] == kind
            }
        )


@dataclass
class Someone:
    """A person at a browser."""

    member: str
    page: Page
    visit: Visit
    speaks: str
    kinds: tuple[str, ...] = BOTH

    async def enter(self) -> None:
        await self.page.wait_for_function("window.ready", timeout=GUARD * 1000)
        await self.page.evaluate(
            "([appointment, as, kinds]) => window.enter(appointment, as, kinds)",
            [self.visit.appointment, self.speaks, list(self.kinds)],
        )

    async def reload(self) -> None:
        await self.page.reload()
        await self.enter()

    async def receives(self, other: "Someone", more: int = 3) -> None:
        """Whatever the other has comes in, and goes on coming in."""
        before = await self.received_from(other)
        async with asyncio.timeout(GUARD):
            while True:
                if await self._has_more(other, before, more):
                    return
                await asyncio.sleep(LOOK_EVERY)

    async def _has_more(
        self, other: "Someone", before: dict[str, int] | None, more: int
    ) -> bool:
        now = await self.received_from(other)
        since = before or dict.fromkeys(BOTH, 0)
        return now is not None and all(
            now[kind] >= since[kind] + more for kind in other.kinds
        )

    async def received_from(self, other: "Someone") -> dict[str, int] | None:
        found: dict[str, dict[str, int]] = await self.page.evaluate("window.received()")
        return found.get(other.member)

    async def is_connected_to(self, other: "Someone") -> None:
        await self.page.wait_for_function(
            "(member) => window.room.peers.get(member)?.connected",
            arg=other.member,
            timeout=GUARD * 1000,
        )

    async def connections(self) -> int:
        made: int = await self.page.evaluate("window.made.length")
        return made

    async def does(self, script: str) -> Any:
        return await self.page.evaluate(script)


class Call:
    """One appointment, and whoever is at a browser for it."""

    def __init__(self, house: House, browser: Browser, visit: Visit) -> None:
        self.house = house
        self.browser = browser
        self.visit = visit
        self.wire = Wire()
        self.url = ""
        self._cookies: dict[str, dict[str, str]] = {}

    async def patient(self, kinds: tuple[str, ...] = BOTH) -> Someone:
        return await self.guest(self.visit.patient, "patient", kinds)

    async def guest(
        self, person: str, role: str, kinds: tuple[str, ...] = BOTH
    ) -> Someone:
        await self.house.admit(self.visit, person)
        cookie = self.house.visit_cookie(self.visit.appointment, person, role)
        return await self._someone(person, {VISIT_COOKIE: cookie}, "visit", kinds)

    async def professional(self, kinds: tuple[str, ...] = BOTH) -> Someone:
        name = self.visit.professional
        cookie = self.house.staff_cookie(name)
        return await self._someone(name, {STAFF_COOKIE: cookie}, "staff", kinds)

    async def _someone(
        self, member: str, cookies: dict[str, str], speaks: str, kinds: tuple[str, ...]
    ) -> Someone:
        self._cookies[member] = cookies
        page = await (await self.browser.new_context()).new_page()
        await page.goto(f"{self.url}/as/{member}")
        return Someone(member, page, self.visit, speaks, kinds)

    async def cut(self) -> None:
        """Every wire is lost; the pages come back by themselves."""
        for each in self.wire.open:
            await each.server.close()

    def let_die(self, member: str) -> None:
        """Nothing passes their wire any more, either way, and nobody is told."""
        for each in self.wire.open:
            each.dead = each.dead or each.member == member

    async def end_token(self, member: str) -> None:
        """As signalling does it when the token is over."""
        for each in self.wire.open:
            if each.member == member:
                await each.browser.close(code=SESSION_OVER)

    def give_token(self, patient: "Someone", until: datetime | None = None) -> None:
        """What their next socket comes with."""
        appointment = patient.visit.appointment
        cookie = self.house.visit_cookie(appointment, patient.member, "patient", until)
        self._cookies[patient.member] = {VISIT_COOKIE: cookie}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/as/{member}", self._page)
        app.router.add_static("/static", FRONTEND)
        app.router.add_get("/signalling/{appointment}", self._pass_on)
        return app

    async def _page(self, request: web.Request) -> web.Response:
        answer = web.Response(text=PAGE, content_type="text/html")
        answer.set_cookie("member", request.match_info["member"])
        return answer

    async def _pass_on(self, request: web.Request) -> web.WebSocketResponse:
        member = request.cookies["member"]
        cookies = self._cookies[member]
        told = "; ".join(f"{name}={value}" for name, value in cookies.items())
        browser = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await browser.prepare(request)
        async with self.house.client.ws_connect(
            f"{self.house.url}{request.rel_url}",
            headers={"Origin": ORIGIN, "Cookie": told},
            protocols=(SUBPROTOCOL,),
        ) as server:
            line = Line(member, browser, server)
            self.wire.open.append(line)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._up(line))
                ways.create_task(_down(line))
        return browser

    async def _up(self, line: Line) -> None:
        async for message in line.browser:
            if line.dead:
                continue
            frame = json.loads(message.data)
            for wait, each in self.wire.disturb(frame):
                self.wire.said.append((line.member, each))
                _later(wait, line.server, each)
        if not line.dead:
            await line.server.close()


_sending: set[asyncio.Task[None]] = set()


def _later(wait: float, server: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
    async def send() -> None:
        await asyncio.sleep(wait)
        with suppress(ConnectionError):
            await server.send_str(json.dumps(frame))

    task = asyncio.create_task(send())
    _sending.add(task)
    task.add_done_callback(_sending.discard)


async def _down(line: Line) -> None:
    async for message in line.server:
        if line.dead:
            continue
        with suppress(ConnectionError):
            await line.browser.send_str(message.data)
    if not line.dead:
        await line.browser.close(code=line.server.close_code or 1000)


@asynccontextmanager
async def a_call(house: House, browser: Browser, visit: Visit) -> AsyncIterator[Call]:
    call = Call(house, browser, visit)
    async with TestServer(call.app(), host="localhost") as server:
        call.url = f"http://localhost:{server.port}"
        yield call
        for line in call.wire.open:
            await line.server.close()
        for context in browser.contexts:
            await context.close()
