"""Pages that follow a stream through everything, and count what they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from chassis.sessions import Token
from tests.chaos.processes import ServiceProcess

PAUSE = 0.3  # seconds until it comes back, to the next instance
# Longer than two heartbeats: an instance that says nothing is gone.
TIMEOUT = ClientTimeout(total=None, sock_connect=5, sock_read=40)
OK = 200


@dataclass
class Follower:
    """As a browser does: it brings the number of the last event that it had."""

    instances: Sequence[ServiceProcess]
    session: Token
    cookie: str
    turn: int
    first: int | None = None  # how far the snapshot went with which it began
    last: int | None = None
    heard: list[int] = field(default_factory=list)
    snapshots: int = 0
    returned: int = 0

    async def follow(self) -> None:
        """Until cancelled."""
        async with ClientSession(timeout=TIMEOUT) as client:
            for turn in count(self.turn):
                instance = self.instances[turn % len(self.instances)]
                with suppress(ClientError, OSError):  # TimeoutError is one
                    await self._listen(client, instance)
                self.returned += 1
                await asyncio.sleep(PAUSE)

    async def _listen(self, client: ClientSession, instance: ServiceProcess) -> None:
        headers = {"Cookie": self.cookie}
        if self.last is not None:
            headers["Last-Event-ID"] = str(self.last)
        url = f"{instance.url}/notifier/stream/{self.session.kind}"
        async with client.get(url, headers=headers) as answer:
            if answer.status == OK:
                async for name, number, _ in _events(answer):
                    self._take(name, number)

    def _take(self, name: str, number: int) -> None:
        if name == "snapshot":
            self.snapshots += 1
            self.first = number if self.first is None else self.first
        else:
            self.heard.append(number)
        self.last = number


async def _events(answer: ClientResponse) -> AsyncIterator[tuple[str, int, object]]:
    """Each whole event; half of one is none."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        name, _, value = raw.decode().rstrip("\r\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], int(fields["id"]), json.loads(fields["data"])
            fields = {}


@asynccontextmanager
async def following(followers: Sequence[Follower]) -> AsyncIterator[None]:
    """All of them follow while the block is run."""
    tasks = [asyncio.create_task(each.follow()) for each in followers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
