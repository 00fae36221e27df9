"""Waiting to be woken, and not for ever.

`asyncio.wait_for` of Python 3.11 loses a cancellation that comes in the moment in which
what it waits for is done: the task goes on, and whoever ends it waits for good. So it is
used nowhere here; `asyncio.timeout` loses none.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set, now or within so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def whole(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """Do the work; a cancellation waits so long for its end before it counts.

    For libraries that forget what they hold when they are cancelled half-way.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=seconds)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # taken note of: nobody waits for it any more
        raise
