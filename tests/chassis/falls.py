"""The ways in which a task may fall, each a coroutine that does."""

import asyncio
from collections.abc import Awaitable, Callable

Fall = Callable[[], Awaitable[None]]


class Abrupt(BaseException):
    """Not an Exception."""


async def _raises() -> None:
    raise RuntimeError


async def _in_a_group() -> None:
    """Leaves `Task.cancelling()` at 1 on Python 3.11 and 3.12."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_raises())
        await asyncio.Event().wait()


async def _in_a_group_twice() -> None:
    try:
        await _in_a_group()
    except* RuntimeError:
        await _in_a_group()


async def _abrupt() -> None:
    raise Abrupt


async def _abrupt_in_a_group() -> None:
    raise BaseExceptionGroup("", [Abrupt(), asyncio.CancelledError()])


async def _cancelled() -> None:
    """As a library does that cancels what it runs in, or lets a future's end through."""
    raise asyncio.CancelledError


async def _cancels_itself() -> None:
    task = asyncio.current_task()
    assert task
    task.cancel()
    await asyncio.sleep(0)


async def _raises_while_cancelled() -> None:
    task = asyncio.current_task()
    assert task
    task.cancel()
    try:
        await asyncio.sleep(0)
    finally:
        raise RuntimeError


async def _times_out() -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def _returns() -> None:
    return


FALLS: dict[str, Fall] = {
    "raises": _raises,
    "in a task group": _in_a_group,
    "in a task group twice": _in_a_group_twice,
    "no Exception": _abrupt,
    "a base group": _abrupt_in_a_group,
    "cancelled": _cancelled,
    "cancels itself": _cancels_itself,
    "raises while cancelled": _raises_while_cancelled,
    "times out": _times_out,
    "returns": _returns,
}
