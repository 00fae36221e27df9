"""What is still to be sent to one socket. Nobody waits for a slow one: it is dropped."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import ClientError, web

from chassis.refusal import Refusal
from services.signalling.domain import TooSlow
from services.signalling.metrics import FAREWELLS
from services.signalling.protocol import CLOSINGS, OUTSIDE, Close, Error, numbered


class Line:
    """`limit` characters may wait; when it has ended, `patience` seconds are left."""

    def __init__(self, limit: int, patience: float, cut: Callable[[], None]) -> None:
        self._limit = limit
        self._patience = patience
        self._cut = cut
        self._waiting: deque[str] = deque()
        self._length = 0
        self._woken = asyncio.Event()
        self._ended = False
        self._why: Refusal | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._written = False

    def send(self, text: str) -> None:
        if self._ended:
            return
        self._waiting.append(text)
        self._length += len(text)
        self._woken.set()
        if self._length > self._limit:
            self._waiting.clear()
            self.end(TooSlow("You do not take what is sent to you."))

    def end(self, why: Refusal | None = None) -> None:
        """After what waits, say why and close. The first reason stands."""
        if self._ended:
            return
        self._ended = True
        self._why = why
        self._woken.set()
        if not self._written:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self._patience, self._cut)

    async def write(self, socket: web.WebSocketResponse) -> Close | None:
        """Everything, until the end. The code to close with; None when they are gone."""
        try:
            await self._send_all(socket)
            return await self._farewell(socket)
        except (ClientError, ConnectionError):
            return None
        finally:
            self._written = True
            if self._deadline is not None:
                self._deadline.cancel()

    async def _send_all(self, socket: web.WebSocketResponse) -> None:
        while self._waiting or not self._ended:
            while self._waiting:
                text = self._waiting.popleft()
                self._length -= len(text)
                await socket.send_str(text)
            self._woken.clear()
            if not self._ended:
                await self._woken.wait()

    async def _farewell(self, socket: web.WebSocketResponse) -> Close:
        if self._why is None:
            FAREWELLS.labels("done").inc()
            return Close.DONE
        FAREWELLS.labels(self._why.code).inc()
        await socket.send_str(numbered(OUTSIDE, Error.of(self._why).body()))
        return CLOSINGS[type(self._why)].code
