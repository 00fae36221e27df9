"""An answer is read whole, however its pieces come."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest

from chassis.answers import whole

SAID = b'{"result": "ALLOWED"}'


@asynccontextmanager
async def saying(pieces: Sequence[bytes], heads: bytes) -> AsyncIterator[str]:
    """A server that sends each piece only when the one before has been read."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + heads + b"\r\n")
        for each in pieces:
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(0.001)  # a packet of its own
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    "pieces",
    [
        [SAID],
        [SAID[:8], SAID[8:]],
        [SAID[each : each + 1] for each in range(len(SAID))],
        [],
    ],
    ids=["one", "two", "bytes", "none"],
)
@pytest.mark.parametrize("says_its_length", [True, False])
async def test_an_answer_is_read_to_its_end(
    pieces: Sequence[bytes], says_its_length: bool
) -> None:
    said = b"".join(pieces)
    heads = b"Content-Length: %d\r\n" % len(said) if says_its_length else b""
    async with (
        saying(pieces, heads) as url,
        aiohttp.ClientSession() as client,
        client.get(url) as told,
    ):
        assert await whole(told.content, 1000) == said


async def test_of_an_answer_without_an_end_only_the_beginning_is_read() -> None:
    async with (
        saying([b"a" * 700] * 10, b"") as url,
        aiohttp.ClientSession() as client,
        client.get(url) as told,
    ):
        assert await whole(told.content, 1000) == b"a" * 1000


async def test_an_answer_that_breaks_off_is_no_answer() -> None:
    async with (
        saying([SAID], b"Content-Length: 1000\r\n") as url,
        aiohttp.ClientSession() as client,
        client.get(url) as told,
    ):
        with pytest.raises(aiohttp.ClientError):
            await whole(told.content, 1000)
