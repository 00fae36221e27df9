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


async def ended(task: "asyncio.Future[Any]", seconds: float | None = None) -> bool:
    """Whether it is over, now or within so long.

    For whoever is ending already: to be cancelled once more changes nothing here.
    """
    clock = asyncio.get_running_loop().time
    until = None if seconds is None else clock() + seconds
    while not task.done() and (until is None or clock() < until):
        with suppress(asyncio.CancelledError):
            await asyncio.wait(
                {task}, timeout=None if until is None else until - clock()
            )
    return task.done()


async def whole(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """Do the work; a cancellation waits so long for its end before it counts.

    For libraries that forget what they hold when they are cancelled half-way.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await ended(task, seconds)
        task.cancel()
        await ended(task)
        if not task.cancelled():
            task.exception()  # taken note of: nobody waits for it any more
        raise
