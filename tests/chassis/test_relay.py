import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
import pytest_asyncio

from chassis.background import Background, Task
from chassis.clock import now
from chassis.database import Database
from chassis.logs import log
from chassis.outbox import Outbox
from chassis.relay import Relay
from contract.lobby import AppointmentDelayed
from dev import kafka as kafkas
from tests.chassis.kafka import Record, ce_id, running, said, until

TOPIC = AppointmentDelayed.topic


@pytest_asyncio.fixture(loop_scope="session")
async def servers(kafka: kafkas.Cluster) -> str:
    await kafkas.create_topics(kafka.servers, [TOPIC])
    return kafka.servers


@pytest_asyncio.fixture(loop_scope="session")
async def outbox(room: Database) -> AsyncIterator[Outbox]:
    async with room.writing() as tx:
        await tx.execute(
            """
            CREATE TABLE turn (event_id text, appointment_id text, number int);
            CREATE TABLE counter (appointment_id text PRIMARY KEY, number int);
            CREATE SEQUENCE crashes;
            """
        )
    yield Outbox("lobby", now)


def _delay(appointment: str, minutes: int = 5) -> AppointmentDelayed:
    return AppointmentDelayed(appointment_id=appointment, minutes=minutes)


def _relay(room: Database, servers: str) -> Background:
    """As it runs in a service: kept up."""
    relay = Relay(room, servers, log("lobby"))
    return Background("lobby", Task("outbox-relay", relay.run), log("lobby"))


async def _say(room: Database, outbox: Outbox, *events: AppointmentDelayed) -> None:
    for event in events:
        async with room.writing() as tx:
            await outbox.record(tx, event)


async def _said_of(servers: str, appointment: str, count: int) -> list[str]:
    def wanted(record: Record) -> bool:
        return record.key == appointment.encode()

    return [ce_id(each) for each in await said(servers, TOPIC, wanted, count)]


async def _is_empty(room: Database) -> bool:
    async with room.reading() as tx:
        return bool(await tx.fetchval("SELECT NOT EXISTS (SELECT FROM outbox)"))


async def test_what_was_recorded_is_said(
    room: Database, outbox: Outbox, servers: str
) -> None:
    name = str(uuid4())
    event = _delay(name)
    await _say(room, outbox, event)
    async with running(_relay(room, servers).run()):
        assert await _said_of(servers, name, 1) == [event.event_id]
        await until(lambda: _is_empty(room))


async def test_what_was_taken_back_is_not_said(
    room: Database, outbox: Outbox, servers: str
) -> None:
    async def fail_halfway(event: AppointmentDelayed) -> None:
        async with room.writing() as tx:
            await outbox.record(tx, event)
            raise RuntimeError

    name = str(uuid4())
    with pytest.raises(RuntimeError):
        await fail_halfway(_delay(name))
    kept = _delay(name)
    await _say(room, outbox, kept)
    async with running(_relay(room, servers).run()):
        assert await _said_of(servers, name, 1) == [kept.event_id]


async def _one_turn(
    room: Database, outbox: Outbox, chance: random.Random, names: list[str]
) -> None:
    """Speak of an appointment, dawdle, note whose turn it was, and perhaps fall."""
    event = _delay(chance.choice(names))
    falls = chance.random() < 0.2
    async with room.writing() as tx:
        await outbox.record(tx, event)
        await asyncio.sleep(chance.random() / 100)
        await tx.execute(
            """
            WITH next AS (
                INSERT INTO counter VALUES ($2, 1)
                ON CONFLICT (appointment_id) DO UPDATE SET number = counter.number + 1
                RETURNING number
            )
            INSERT INTO turn SELECT $1, $2, number FROM next
            """,
            event.event_id,
            event.appointment_id,
        )
        if falls:
            raise RuntimeError


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_one_appointment_things_are_said_in_the_order_of_their_commits(
    room: Database, outbox: Outbox, servers: str, seed: int
) -> None:
    """Eight speak at once of three appointments; some change their mind."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    names = [str(uuid4()) for _ in range(3)]

    async def speak() -> None:
        for _ in range(25):
            try:
                await _one_turn(room, outbox, chance, names)
            except RuntimeError:
                continue

    async with running(_relay(room, servers).run()):
        await asyncio.gather(*(speak() for _ in range(8)))
        async with room.reading() as tx:
            turns = await tx.fetch("SELECT * FROM turn ORDER BY number")
        in_order = defaultdict(list)
        for turn in turns:
            in_order[turn["appointment_id"]].append(turn["event_id"])
        for name in names:
            heard = await _said_of(servers, name, len(in_order[name]))
            assert heard == in_order[name]


async def test_only_one_of_two_relays_is_at_work_and_the_other_takes_over(
    room: Database, outbox: Outbox, servers: str
) -> None:
    name = str(uuid4())
    events = [_delay(name) for _ in range(40)]
    async with AsyncExitStack() as both:
        relays = [
            await both.enter_async_context(running(_relay(room, servers).run()))
            for _ in range(2)
        ]
        await _say(room, outbox, *events[:20])
        await until(lambda: _is_empty(room))
        for each in relays:  # whichever of them was at work, one is left
            each.cancel()
            await asyncio.wait([each])
            break
        await _say(room, outbox, *events[20:])
        await until(lambda: _is_empty(room))
        heard = await _said_of(servers, name, 40)
    assert heard == [each.event_id for each in events]


async def test_a_relay_that_lost_its_connection_is_replaced(
    room: Database, outbox: Outbox, servers: str
) -> None:
    name = str(uuid4())
    events = [_delay(name) for _ in range(2)]
    async with AsyncExitStack() as both:
        for _ in range(2):
            await both.enter_async_context(running(_relay(room, servers).run()))
        await _say(room, outbox, events[0])
        await until(lambda: _is_empty(room))
        async with room.writing() as tx:
            ended = await tx.fetch(
                """
                SELECT pg_terminate_backend(pid) FROM pg_locks
                 WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
                   AND database = (SELECT oid FROM pg_database
                                    WHERE datname = current_database())
                """
            )
        assert len(ended) == 1
        await _say(room, outbox, events[1])
        await until(lambda: _is_empty(room))
        heard = await _said_of(servers, name, 2)
    assert heard == [each.event_id for each in events]


async def test_a_crash_between_saying_and_deleting_repeats_with_the_same_id(
    room: Database, outbox: Outbox, servers: str
) -> None:
    async with room.writing() as tx:
        await tx.execute(
            """
            CREATE FUNCTION crash_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('lobby.crashes') = 1 THEN
                    PERFORM pg_terminate_backend(pg_backend_pid());
                END IF;
                RETURN OLD;
            END $$;
            CREATE TRIGGER crash BEFORE DELETE ON outbox
            FOR EACH ROW EXECUTE FUNCTION crash_once();
            """
        )
    name = str(uuid4())
    event = _delay(name)
    await _say(room, outbox, event)
    async with running(_relay(room, servers).run()):
        heard = await _said_of(servers, name, 2)
        await until(lambda: _is_empty(room))
    assert heard == [event.event_id, event.event_id]


async def test_a_lost_wake_up_only_costs_a_moment(
    room: Database, outbox: Outbox, servers: str
) -> None:
    name = str(uuid4())
    await _say(room, outbox, _delay(name))
    async with running(_relay(room, servers).run()):
        await until(lambda: _is_empty(room))
        async with room.writing() as tx:  # without a NOTIFY
            await tx.execute(
                """
                INSERT INTO outbox (topic, key, value, headers)
                VALUES ($1, $2, '{}', '{"ce_id": "quiet"}')
                """,
                TOPIC,
                name.encode(),
            )
        assert (await _said_of(servers, name, 2))[1] == "quiet"


def _senders() -> int:
    """The producers that are still at work in this process."""
    names = (task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]
    return sum(name == "Sender._sender_routine" for name in names)


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_an_outage_of_kafka_loses_nothing_and_keeps_the_order(
    room: Database, outbox: Outbox, node: kafkas.ApacheKafka, ending: str
) -> None:
    name = str(uuid4())
    events = [_delay(name) for _ in range(300)]
    async with running(_relay(room, node.servers).run()):
        await _say(room, outbox, *events[:10])
        await until(lambda: _is_empty(room))
        await getattr(node, ending)()
        await _say(room, outbox, *events[10:])
        await node.start()
        await until(lambda: _is_empty(room))
    heard = await _said_of(node.servers, name, 300)
    assert list(dict.fromkeys(heard)) == [each.event_id for each in events]
    assert _senders() == 0


async def test_a_relay_that_gives_up_leaves_no_producer_behind(
    room: Database, outbox: Outbox, node: kafkas.ApacheKafka
) -> None:
    """A forgotten one would try for ever, and say everything once more in the end."""
    name = str(uuid4())
    async with running(_relay(room, node.servers).run()):
        await _say(room, outbox, _delay(name))
        await until(lambda: _is_empty(room))
        await node.stop()
        await _say(room, outbox, *[_delay(name) for _ in range(20)])
    try:
        assert _senders() == 0
    finally:
        await node.start()
