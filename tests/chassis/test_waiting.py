import asyncio

import pytest

from chassis.waiting import ended, whole, woken


async def test_an_event_wakes() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await woken(event, 60)


async def test_nothing_is_waited_for_longer_than_agreed() -> None:
    assert not await woken(asyncio.Event(), 0.01)


@pytest.mark.parametrize("steps", range(6))
async def test_a_task_ends_also_when_it_is_ended_while_it_wakes_up(steps: int) -> None:
    event = asyncio.Event()

    async def work() -> None:
        while True:
            event.clear()
            await woken(event, 60)

    working = asyncio.create_task(work())
    await _steps(10)
    event.set()
    await _steps(steps)
    working.cancel()
    await _steps(10)
    assert working.cancelled()


async def _steps(number: int) -> None:
    """So many turns of the loop."""
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("stops", [1, 2, 3])
async def test_work_that_is_whole_leaves_nothing_however_often_it_is_cancelled(
    stops: int,
) -> None:
    may_end, closed = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await may_end.wait()
        finally:
            closed.set()

    working = asyncio.create_task(whole(work(), 60))
    await _steps(3)
    for _ in range(stops):
        working.cancel()
        await _steps(3)
    assert not working.done()
    may_end.set()
    await asyncio.wait({working})
    assert working.cancelled()
    assert closed.is_set()


async def test_an_end_is_waited_for_no_longer_than_agreed() -> None:
    endless = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(ended(endless, 0.05))
    await _steps(3)
    waiting.cancel()
    assert await waiting is False
    endless.cancel()
    assert await ended(endless) is True
