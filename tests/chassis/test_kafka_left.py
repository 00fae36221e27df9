"""Whoever stops leaves no task and no connection behind, however Kafka is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import psutil
import pytest
from aiokafka.errors import KafkaError

from chassis.producing import producing
from contract.catalogue import parked
from dev import kafka as kafkas
from tests.chassis.kafka import running, until
from tests.chassis.test_bus import TOPIC, Ear


def _connections(node: kafkas.ApacheKafka) -> int:
    port = int(node.servers.rpartition(":")[2])
    ours = psutil.Process().net_connections("tcp")
    return sum(bool(each.raddr) and each.raddr.port == port for each in ours)


@asynccontextmanager
async def _leaving_nothing(node: kafkas.ApacheKafka) -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0.1)  # sockets are closed in the loop's next rounds
    assert asyncio.all_tasks() <= before
    assert _connections(node) == 0


async def _as_it_is(_: kafkas.ApacheKafka) -> None: ...


async def _stop(node: kafkas.ApacheKafka) -> None:
    await node.stop()


async def _kill(node: kafkas.ApacheKafka) -> None:
    await node.kill()


async def _freeze(node: kafkas.ApacheKafka) -> None:
    node.freeze()


@asynccontextmanager
async def _trouble(
    node: kafkas.ApacheKafka, what: Callable[[kafkas.ApacheKafka], Awaitable[None]]
) -> AsyncIterator[None]:
    await what(node)
    try:
        yield
    finally:
        if what is _freeze:
            node.thaw()
            await until(lambda: _is_in_service(node))
        elif what is not _as_it_is:
            await node.start()


async def _is_in_service(node: kafkas.ApacheKafka) -> bool:
    """A broker that was silent has to be let in again by its controller."""
    try:
        await kafkas.create_topics(node.servers, [f"test.{uuid4()}"])
    except KafkaError:
        return False
    return True


each_trouble = pytest.mark.parametrize("what", [_as_it_is, _stop, _kill, _freeze])


@each_trouble
@pytest.mark.parametrize("pause", [0.0, 0.3])
async def test_a_bus_that_heard(
    node: kafkas.ApacheKafka,
    what: Callable[[kafkas.ApacheKafka], Awaitable[None]],
    pause: float,
) -> None:
    ear = Ear(node.servers)
    await kafkas.create_topics(node.servers, [TOPIC, parked(ear.service)])
    async with _leaving_nothing(node), running(ear.bus().run()) as task:
        await ear.say(1)
        await ear.hears(1)
        async with _trouble(node, what):
            await asyncio.sleep(pause)
            task.cancel()
            await asyncio.wait({task})


@each_trouble
@pytest.mark.parametrize("pause", [0.0, 0.01, 0.05, 0.3])
async def test_a_bus_that_is_just_starting(
    node: kafkas.ApacheKafka,
    what: Callable[[kafkas.ApacheKafka], Awaitable[None]],
    pause: float,
) -> None:
    ear = Ear(node.servers)
    async with (
        _leaving_nothing(node),
        _trouble(node, what),
        running(ear.bus().run()),
    ):
        await asyncio.sleep(pause)


@each_trouble
async def test_a_producer_that_still_has_something_to_say(
    node: kafkas.ApacheKafka,
    what: Callable[[kafkas.ApacheKafka], Awaitable[None]],
) -> None:
    await kafkas.create_topics(node.servers, [TOPIC])
    async with _leaving_nothing(node), AsyncExitStack() as stack:
        async with producing(node.servers, "test") as producer:
            await producer.send_and_wait(TOPIC, b"{}")
            await stack.enter_async_context(_trouble(node, what))
            last = await producer.send(TOPIC, b"{}")
            await asyncio.sleep(0.3)
        assert last.done()  # whoever waits for it is told
        if not last.cancelled():
            last.exception()
