"""Whether Kafka answers towards one partition, by what the client tells."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from chassis.logs import log
from chassis.partition import Partition
from tests.chassis.kafka import running

NAME = TopicPartition("a", 0)


class Silent:
    """A client that said no once, and has asked Kafka for nothing since."""

    def __init__(self) -> None:
        self.asked = 0
        self.asked_again = asyncio.Event()
        self.polled = int(time.time() * 1000)

    async def getone(self, _: TopicPartition) -> Any:
        self.asked += 1
        if self.asked == 1:
            raise TopicAuthorizationFailedError("a")
        self.asked_again.set()
        await asyncio.Event().wait()

    def last_poll_timestamp(self, _: TopicPartition) -> int:
        return self.polled


def partition(client: Silent) -> Partition:
    async def take(*_: object) -> None: ...

    return Partition(
        NAME,
        consumer=client,  # type: ignore[arg-type]
        letters=None,  # type: ignore[arg-type]
        take=take,
        progress=asyncio.Event(),
        service="test",
        log=log("test"),
    )


async def test_a_no_of_long_ago_is_no_answer_of_now() -> None:
    client = Silent()
    one = partition(client)
    async with running(one.run()):
        await client.asked_again.wait()  # the pause after the no is over
        assert one.was_answered(5.0)
        assert not one.was_answered(0.05)


async def test_a_clock_that_is_set_makes_no_silence_an_answer_and_no_answer_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Silent()
    one = partition(client)
    wall, machine = time.time, time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: machine() + passed)
    monkeypatch.setattr(time, "time", lambda: wall() + passed + put)
    passed, put = 1.0, 0.0
    assert one.was_answered(5.0)
    passed, put = 60.0, -3600.0  # nothing for a minute, and put back by an hour
    assert not one.was_answered(5.0)
    client.polled = int(time.time() * 1000)
    assert one.was_answered(5.0)
    passed, put = 62.0, 3600.0  # an answer just now, and put forward
    client.polled += 1000
    assert one.was_answered(5.0)
