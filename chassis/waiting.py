"""Waiting to be woken, and not for ever.

`asyncio.wait_for` of Python 3.11 loses a cancellation that comes in the moment in which
what it waits for is done: the task goes on, and whoever ends it waits for good. So it is
used nowhere here; `asyncio.timeout` loses none.
"""

import asyncio
from contextlib import suppress


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set, now or within so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
