"""A page that listens, as the standard says (WHATWG HTML, 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientSession
from aiohttp.test_utils import TestServer

PATIENCE = 60


@dataclass
class Told:
    """One event of a stream."""

    name: str
    id: int
    data: dict[str, Any]


@dataclass
class Listener:
    answer: ClientResponse
    last: int | None = None
    retry: int | None = None
    comments: list[str] = field(default_factory=list)

    async def next(self) -> Told:
        """The next event; raises `EOFError` when the stream has ended."""
        async with asyncio.timeout(PATIENCE):
            return await self._event()

    async def notices(self, count: int) -> list[dict[str, Any]]:
        """The next so many notices, and nothing between them."""
        told = [await self.next() for _ in range(count)]
        assert {each.name for each in told} <= {"notice"}
        return [each.data for each in told]

    async def snapshot(self) -> list[dict[str, Any]]:
        told = await self.next()
        assert told.name == "snapshot"
        notices: list[dict[str, Any]] = told.data["notices"]
        return notices

    async def end(self) -> None:
        """Returns when the server has ended the stream; nothing may come before."""
        try:
            told = await self.next()
        except EOFError:
            return
        raise AssertionError(told)

    async def _event(self) -> Told:
        fields: dict[str, str] = {}
        while line := (await self.answer.content.readline()).decode():
            name, _, value = line.rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if line.startswith(":"):
                self.comments.append(value)
            elif name == "retry":
                self.retry = int(value)
            elif name:
                fields[name] = value
            elif "data" in fields:
                self.last = int(fields["id"])
                return Told(fields["event"], self.last, json.loads(fields["data"]))
            else:
                fields.clear()
        raise EOFError


@asynccontextmanager
async def listening(
    server: TestServer, headers: dict[str, str], door: str
) -> AsyncIterator[Listener]:
    url = server.make_url(f"/notifier/stream/{door}")
    async with ClientSession() as client, client.get(url, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        yield Listener(answer)
