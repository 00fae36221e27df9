"""What somebody answers over HTTP, read whole however it is cut on its way."""

from asyncio import IncompleteReadError

from aiohttp import StreamReader


async def whole(content: StreamReader, at_most: int) -> bytes:
    """The body to its end, or its first `at_most` bytes.

    `content.read(n)` returns whatever has come, which may be one byte.
    """
    try:
        return await content.readexactly(at_most)
    except IncompleteReadError as ended:
        return ended.partial
