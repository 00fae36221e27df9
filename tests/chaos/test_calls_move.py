"""A call outlives the servers that introduced its ends: two browsers, a real HAProxy.

Instances of signalling are killed and return, are replaced one by one, and become more,
while each side's token ends again and again. The picture goes on all the while.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, WebSocket
from pydantic import SecretStr

from chassis.clock import now
from chassis.database import Database
from chassis.migrations import migrate
from chassis.sessions import SigningKey
from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from dev import postgres as postgreses
from dev import programs
from dev.site import serve
from tests import haproxy
from tests.chaos.processes import ServiceProcess, running
from tests.journeys.suite import until
from tests.keys import pem
from tests.signalling.pages import NOBODY, House, Visit

FRONTEND = Path(__file__).parents[2] / "frontend"
TOKEN_LIFE = timedelta(seconds=6)
PATIENCE = 120.0
PAGE = """<!doctype html><title>A call</title>
<script type="module">
import { Media } from '/static/media.js';
import { Room } from '/static/room.js';

const told = new URLSearchParams(location.search);
const renewed = async () => (await fetch(`/renew?${told}`, { method: 'POST' })).ok;
const media = new Media();
await media.open(); // which may take longer than a token lives
await renewed();
setInterval(renewed, 2000); // as session.js does, long before the token ends
const room = new Room({
  appointment: told.get('appointment'), as: told.get('as'), media, admission: async () => null, renewed,
});
window.over = [];
for (const name of ['ended', 'stopped']) room.addEventListener(name, ({ detail }) => window.over.push(detail));

window.peer = () => [...room.peers.values()].at(0)?.connection;
window.decoded = async () => {
  const reports = [...await window.peer()?.getStats().then((stats) => stats.values()) ?? []];
  return reports.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')?.framesDecoded ?? 0;
};
window.sample = () => {
  window.samples = [];
  window.before = window.peer();
  window.states = [];
  window.before.addEventListener('connectionstatechange', () => window.states.push(window.before.connectionState));
  setInterval(async () => window.samples.push(await window.decoded()), 1000);
};
window.end = () => room.wired && (room.leave(true), true);
await room.enter();
</script>
"""
pytestmark = pytest.mark.skipif(haproxy.PROGRAM is None, reason=haproxy.MISSING)


@dataclass(frozen=True)
class Town:
    """Three instances of signalling behind HAProxy; the last is not started."""

    house: House
    url: str
    instances: Sequence[ServiceProcess]
    browser: Browser

    async def opens(self, visit: Visit, speaks: str) -> "End":
        context = await self.browser.new_context()
        end = End(await context.new_page())
        person = visit.patient if speaks == "visit" else visit.professional
        told = f"appointment={visit.appointment}&as={speaks}&person={person}"
        await end.page.goto(f"{self.url}/call?{told}")
        return end

    async def busiest(self) -> ServiceProcess:
        """The one of the first two that most sockets are connected to."""
        sockets = await asyncio.gather(*map(_sockets, self.instances[:2]))
        return self.instances[sockets.index(max(sockets))]

    async def all_come_back(self) -> None:
        async def both() -> bool | None:
            sockets = await asyncio.gather(*map(_sockets, self.instances))
            return sum(sockets) == len(("patient", "professional")) or None

        await until(both, "both ends are connected again", PATIENCE)


class End:
    """One end of the call, and the sockets to signalling that its page opens."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.opened: list[WebSocket] = []
        page.on("websocket", self._note)

    async def sees_the_other_move(self) -> None:
        async def moves() -> bool | None:
            assert not await self.page.evaluate("window.over ?? []")
            frames: int = await self.page.evaluate("window.decoded?.() ?? 0")
            return frames > 10 or None

        await until(moves, "the other's picture moves", PATIENCE)

    async def token_ends(self) -> None:
        """Its token ends and is renewed, and its socket is back."""
        before = len(self.opened)

        async def back() -> bool | None:
            is_back = len(self.opened) > before and not self.opened[-1].is_closed()
            return is_back or None

        await until(back, "no new socket was opened", PATIENCE)

    async def was_never_without_a_picture(self) -> None:
        """On one connection, a frame was decoded in each second."""
        assert await self.page.evaluate("window.over") == []
        samples: list[int] = await self.page.evaluate("window.samples")
        states = await self.page.evaluate("window.states")
        assert await self.page.evaluate("window.before === window.peer()"), states
        assert samples
        pairs = enumerate(pairwise(samples))
        stood = [at for at, (before, after) in pairs if after <= before]
        assert stood == [], samples

    def _note(self, wire: WebSocket) -> None:
        self.opened.append(wire)


@asynccontextmanager
async def town(
    server: postgreses.Server, browser: Browser, folder: Path, balance: str
) -> AsyncIterator[Town]:
    front, others = programs.free_port(), programs.free_port()
    url = f"http://localhost:{front}"
    async with postgreses.fresh_database(server.admin) as database:
        address = database.services["signalling"]
        own = Database(SecretStr(address), "signalling")
        await own.open()
        await migrate(own, "services.signalling.migrations")
        house = House(own)
        house.identity = SigningKey(pem(), url, now)
        async with house.publishing(), serve(_pages(house), others):
            environment = {
                "DATABASE_URL": address,
                "KAFKA_SERVERS": NOBODY,
                "PUBLIC_URL": url,
                "SESSION_KEYS_URL": f"{house.keys_url}/identity/jwks.json",
                "ADMISSION_KEYS_URL": f"{house.keys_url}/lobby/jwks.json",
                "DRAIN_SECONDS": "2",
                "PROXIES": "1",
            }
            instances = [ServiceProcess("signalling", environment) for _ in range(3)]
            ports = [(each.port, each.ops_port) for each in instances]
            async with (
                haproxy.haproxy(folder, front, others, ports, balance),
                running(instances[:2]),
            ):
                try:
                    yield Town(house, url, instances, browser)
                finally:
                    await own.close()
                    if instances[2].process is not None:
                        await instances[2].kill()


def _pages(house: House) -> web.Application:
    async def call(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def renew(request: web.Request) -> web.Response:
        """As identity does, for whoever asks."""
        told, until = request.query, now() + TOKEN_LIFE
        answer = web.Response()
        if told["as"] == "visit":
            appointment, person = told["appointment"], told["person"]
            token = house.visit_cookie(appointment, person, "patient", until)
            answer.set_cookie(VISIT_COOKIE, token, secure=True, httponly=True)
        else:
            token = house.staff_cookie(told["person"], until)
            answer.set_cookie(STAFF_COOKIE, token, secure=True, httponly=True)
        return answer

    app = web.Application()
    app.router.add_get("/call", call)
    app.router.add_post("/renew", renew)
    app.router.add_static("/static", FRONTEND)
    return app


async def _sockets(instance: ServiceProcess) -> int:
    """How many are connected to it; none when it does not answer."""
    try:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{instance.ops_port}/metrics") as answer,
        ):
            text = await answer.text()
    except aiohttp.ClientError:
        return 0
    found = re.search(r"^signalling_connections (\S+)", text, re.MULTILINE)
    return int(float(found[1])) if found else 0


@pytest.mark.parametrize(
    "balance", [haproxy.BY_PATH, haproxy.ROUND_ROBIN], ids=["by_path", "round_robin"]
)
async def test_the_picture_goes_on_whatever_becomes_of_signalling(
    postgres: postgreses.Server, browser: Browser, tmp_path: Path, balance: str
) -> None:
    async with town(postgres, browser, tmp_path, balance) as made:
        visit = Visit()
        await made.house.admit(visit)
        patient = await made.opens(visit, "visit")
        professional = await made.opens(visit, "staff")
        ends = (patient, professional)
        for each in ends:
            await each.sees_the_other_move()
            await each.page.evaluate("window.sample()")

        async def tokens_end() -> None:
            await asyncio.gather(*(each.token_ends() for each in ends))
            await made.all_come_back()

        killed = await made.busiest()
        await killed.kill()
        await made.all_come_back()
        await killed.start()
        await tokens_end()

        for instance in made.instances[:2]:
            await instance.end(signal.SIGTERM)
            await made.all_come_back()
            await instance.start()
        await tokens_end()

        await made.instances[2].start()
        await tokens_end()

        for each in ends:
            await each.was_never_without_a_picture()
        await patient.page.reload()
        await patient.sees_the_other_move()
        await professional.page.wait_for_function("window.before !== window.peer()")
        await professional.sees_the_other_move()
        await professional.page.wait_for_function("window.end()")
        await patient.page.wait_for_function("window.over.includes('professional')")

        async def is_over() -> bool | None:
            said = await made.house.topics(visit)
            return said == ["call.started", "call.ended"] or None

        await until(is_over, "the call has ended once", PATIENCE)
