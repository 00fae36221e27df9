"""Instances of one service as processes, and a front that shares requests out to them.

They come and go as deploy/k8s has it: a new instance is ready before an old one goes,
and the front sends the old one nothing any more before that is told to end.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

from dev import programs
from dev.site import serve

ROOT = Path(__file__).parents[2]
GRACE = 75  # seconds between SIGTERM and a kill, as deploy/k8s grants
LOOK_EVERY = 0.1
OURS = ("Connection", "Content-Length", "Date", "Keep-Alive", "Transfer-Encoding")


class Restless(Exception):
    """An instance ended by itself, or did not end when it was told to."""


@dataclass
class Instance:
    """One process, its two ports, where it logs, and the requests it has not answered."""

    process: asyncio.subprocess.Process
    port: int
    ops_port: int
    log: Path
    requests: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_ready(self) -> None:
        """However long that takes, as long as the process lives."""
        url = f"http://127.0.0.1:{self.ops_port}/ready"
        async with ClientSession() as client:
            while not await self._is_ready(client, url):
                if self.process.returncode is not None:
                    raise Restless(f"It ended; see {self.log}.")
                await asyncio.sleep(LOOK_EVERY)

    async def _is_ready(self, client: ClientSession, url: str) -> bool:
        if not await programs.listens(self.ops_port):
            return False
        async with client.get(url) as answer:
            return answer.status == web.HTTPOk.status_code

    async def end(self) -> None:
        """SIGTERM; it has its time to finish, and ends well."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self.process.wait(), GRACE)
        except TimeoutError:
            raise Restless(f"It would not end; see {self.log}.") from None
        if status:
            raise Restless(f"It ended with {status}; see {self.log}.")


@dataclass
class Fleet:
    """The instances that now run, and those of them that get requests."""

    service: str
    folder: Path
    running: list[Instance] = field(default_factory=list)
    open: list[Instance] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _turns: "count[int]" = field(default_factory=count)

    async def add(self, environment: Mapping[str, str]) -> None:
        """One instance more, which gets requests as soon as it is ready."""
        instance = await self._started(environment)
        await instance.until_ready()
        self.open.append(instance)

    async def replace(self, environment: Mapping[str, str]) -> None:
        """All that run now, one after another, by instances that are told this."""
        for old in list(self.open):
            await self.add(environment)
            self.open.remove(old)
            await old.idle.wait()
            await old.end()
            self.running.remove(old)

    async def kill(self) -> None:
        for each in self.running:
            if each.process.returncode is None:
                each.process.kill()
            await each.process.wait()

    @contextmanager
    def turn(self) -> Iterator[Instance]:
        """The instance whose turn it is, for one request."""
        instance = self.open[next(self._turns) % len(self.open)]
        instance.requests += 1
        instance.idle.clear()
        try:
            yield instance
        finally:
            instance.requests -= 1
            if not instance.requests:
                instance.idle.set()

    async def _started(self, environment: Mapping[str, str]) -> Instance:
        port, ops_port = programs.free_port(), programs.free_port()
        log = self.folder / f"{self.service}-{next(self._numbers)}.log"
        ports = {"PORT": str(port), "OPS_PORT": str(ops_port)}
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"services.{self.service}",
                cwd=ROOT,
                env={**os.environ, **environment, **ports},
                stdout=output,
                stderr=output,
            )
        instance = Instance(process, port, ops_port, log)
        self.running.append(instance)
        return instance


@asynccontextmanager
async def fleet(service: str, port: int, folder: Path) -> AsyncIterator[Fleet]:
    """No instance yet, behind a front on this port."""
    made = Fleet(service, folder)
    async with (
        ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as client,
        serve(_front(made, client), port),
    ):
        try:
            yield made
        finally:
            await made.kill()


def _front(fleet: Fleet, client: ClientSession) -> web.Application:
    """Each request once, to the instance whose turn it is: nothing is tried again."""

    async def pass_on(request: web.Request) -> web.Response:
        with fleet.turn() as instance:
            address = f"http://127.0.0.1:{instance.port}{request.raw_path}"
            async with client.request(
                request.method,
                URL(address, encoded=True),
                headers=_passed(request.headers),
                data=await request.read(),
                allow_redirects=False,
            ) as answer:
                return web.Response(
                    status=answer.status,
                    headers=_passed(answer.headers),
                    body=await answer.read(),
                )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", pass_on)
    return app


def _passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """All but those that belong to one connection."""
    passed = CIMultiDict(headers)
    for name in OURS:
        passed.popall(name, None)
    return passed
