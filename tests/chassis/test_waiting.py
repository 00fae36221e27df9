import asyncio

import pytest

from chassis.waiting import woken


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
