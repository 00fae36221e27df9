"""A doorway in front of a server, which a test can shut and open again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Doorway:
    """Hands bytes through to `host:port`; shut, it breaks every connection."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._through: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for each in self._through:
            each.cancel()
        await asyncio.gather(*self._through, return_exceptions=True)

    async def _pass(
        self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._through.add(task)
        far_out = None
        try:
            far, far_out = await asyncio.open_connection(*self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pour(near, far_out))
                both.create_task(_pour(far, near_out))
        except (OSError, asyncio.CancelledError, ExceptionGroup):
            return
        finally:
            self._through.discard(task)
            for out in (near_out, far_out):
                if out is not None:
                    out.transport.abort()


async def _pour(source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    while some := await source.read(65536):
        out.write(some)
        await out.drain()
    with suppress(OSError):
        out.write_eof()


@asynccontextmanager
async def before(url: str) -> AsyncIterator[tuple[Doorway, str]]:
    """A doorway before the server of this address, and the address through it."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    door = Doorway(parts.hostname, parts.port)
    await door.open()
    login = parts.netloc.rpartition("@")[0]
    through = parts._replace(netloc=f"{login}@127.0.0.1:{door.port}")
    try:
        yield door, urlunsplit(through)
    finally:
        await door.shut()
