"""Whoever carries messages, and is asked to stop amid one."""

import asyncio
from contextlib import suppress

import pytest

from chassis.rounds import go_round


class Carrier:
    """Carries one message, for as long as the test says."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended: list[str] = []

    async def deliver(self) -> bool:
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.ended.append("in doubt")
            raise
        self.ended.append("delivered")
        return True

    async def rest(self) -> None:
        self.ended.append("at rest")


@pytest.mark.parametrize("stops", [1, 2, 3])
async def test_what_was_begun_is_finished_however_often_a_stop_is_asked_for(
    stops: int,
) -> None:
    carrier = Carrier()
    going = asyncio.create_task(
        go_round(carrier.deliver, asyncio.Event(), carrier.rest)
    )
    await carrier.begun.wait()
    for _ in range(stops):
        going.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not going.done()
    carrier.may_end.set()
    with suppress(asyncio.CancelledError):
        await going
    assert going.cancelled()
    assert carrier.ended == ["delivered", "at rest"]


async def test_a_delivery_that_fails_while_stopping_says_so() -> None:
    begun = asyncio.Event()
    may_end = asyncio.Event()

    async def deliver() -> bool:
        begun.set()
        await may_end.wait()
        raise LookupError

    async def rest() -> None: ...

    going = asyncio.create_task(go_round(deliver, asyncio.Event(), rest))
    await begun.wait()
    going.cancel()
    may_end.set()
    with pytest.raises(LookupError):
        await going
