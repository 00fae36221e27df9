"""What watches for leaks finds them: nothing else would tell."""

import asyncio
import sys

import pytest
from aiokafka.conn import create_conn

from dev import kafka
from tests import leaks

WHOSE = "a test"


async def test_a_task_that_was_forgotten_is_named(ledger: leaks.Ledger) -> None:
    with leaks.in_the_name_of(WHOSE):
        forgotten = asyncio.create_task(asyncio.Event().wait(), name="forgotten")
    assert "Event.wait" in "".join(ledger.left_by(WHOSE))
    forgotten.cancel()
    await asyncio.wait([forgotten])
    assert ledger.left_by(WHOSE) == []


async def test_a_task_of_a_task_is_its_tests_own(ledger: leaks.Ledger) -> None:
    tasks = []

    async def parent() -> None:
        tasks.append(asyncio.create_task(asyncio.Event().wait()))

    with leaks.in_the_name_of(WHOSE):
        await asyncio.create_task(parent())
    assert len(ledger.left_by(WHOSE)) == 1
    tasks[0].cancel()
    await asyncio.wait(tasks)


async def test_what_a_server_does_for_a_test_is_the_servers_own(
    ledger: leaks.Ledger,
) -> None:
    served = asyncio.Event()
    ended = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.set()
        await ended.wait()
        writer.close()

    with leaks.of_this_run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with leaks.in_the_name_of(WHOSE):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    await served.wait()
    assert len(ledger.left_by(WHOSE)) == 1  # the connection, and not the server's task
    assert f"('127.0.0.1', {port})" in ledger.left_by(WHOSE)[0]
    writer.close()
    ended.set()
    server.close()
    await server.wait_closed()
    assert await ledger.settled(WHOSE) == []


async def test_a_server_and_a_process_are_named(ledger: leaks.Ledger) -> None:
    with leaks.in_the_name_of(WHOSE):
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
        )
    left = " ".join(ledger.left_by(WHOSE))
    assert "server" in left
    assert f"process {process.pid}" in left
    assert process.pid in leaks.children()
    server.close()
    await server.wait_closed()
    await process.communicate(b"\n")
    assert ledger.left_by(WHOSE) == []
    assert process.pid not in leaks.children()


async def test_a_kafka_connection_is_named_and_a_forgotten_one_collected(
    ledger: leaks.Ledger, kafka: kafka.Cluster
) -> None:
    with leaks.in_the_name_of(WHOSE):
        host, _, port = kafka.servers.rpartition(":")
        connection = await create_conn(host, int(port))
    assert kafka.servers.rpartition(":")[2] in "".join(ledger.left_by(WHOSE))
    circle: list[object] = [connection]
    circle.append(circle)
    del connection, circle
    with pytest.warns(ResourceWarning, match="Unclosed AIOKafkaConnection"):
        await ledger.settled(WHOSE)
