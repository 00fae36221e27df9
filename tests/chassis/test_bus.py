import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ProducerClosed

from chassis.bus import FAREWELL_SECONDS, Bus
from chassis.clock import now
from chassis.dead_letters import dead_letters
from chassis.logs import log
from chassis.producing import REQUEST_SECONDS
from chassis.refusal import Unavailable
from contract.catalogue import parked, topics
from contract.envelope import Lost, write
from contract.lobby import AppointmentDelayed, AppointmentMissed
from dev import kafka as kafkas
from tests.chassis.falls import FALLS, Fall
from tests.chassis.kafka import PATIENCE, Record, publish, running, said, until

TOPIC = AppointmentDelayed.topic
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"/lobby"),
    ("ce_type", b"appointment.delayed.v1"),
    ("content-type", b"application/json"),
]


@dataclass
class Ear:
    """A service that hears delays: of one appointment, and what it does about them."""

    servers: str
    service: str = field(default_factory=lambda: f"test-{uuid4()}")
    appointment: str = field(default_factory=lambda: str(uuid4()))
    heard: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    troubles: dict[int, list[Exception]] = field(default_factory=dict)
    tried: list[int] = field(default_factory=list)

    def bus(self) -> Bus:
        bus = Bus(
            self.service,
            self.servers,
            20,
            log(self.service),
            pauses=(0.01, 0.02, 0.03),
            away_pause=0.05,
            drain_seconds=0.1,
        )

        @bus.hears(AppointmentDelayed)
        async def delayed(event: AppointmentDelayed) -> None:
            if event.appointment_id == self.appointment:
                self.tried.append(event.minutes)
                if troubles := self.troubles.get(event.minutes):
                    raise troubles.pop()
                self.heard.put_nowait(event.minutes)

        return bus

    async def say(self, *minutes: int) -> None:
        for each in minutes:
            event = AppointmentDelayed(appointment_id=self.appointment, minutes=each)
            message = write(event.told_by("lobby", now()))
            await self.shout(message.value, list(message.headers))

    async def shout(
        self, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        key = self.appointment.encode()
        await publish(self.servers, TOPIC, value, headers, key)

    async def hears(self, *minutes: int) -> None:
        found = [await asyncio.wait_for(self.heard.get(), PATIENCE) for _ in minutes]
        assert found == list(minutes)

    async def parked(self) -> Record:
        def ours(record: Record) -> bool:
            return record.key == self.appointment.encode()

        [record] = await said(self.servers, parked(self.service), ours, 1)
        return record


@pytest_asyncio.fixture(loop_scope="session")
async def ear(kafka: kafkas.Cluster) -> AsyncIterator[Ear]:
    ear = Ear(kafka.servers)
    await kafkas.create_topics(kafka.servers, [*topics(), parked(ear.service)])
    yield ear


def _header(record: Record, name: str) -> bytes:
    return dict(record.headers)[name]


async def test_what_is_said_is_heard_in_order(ear: Ear) -> None:
    async with running(ear.bus().run()):
        await ear.say(1, 2, 3)
        await ear.hears(1, 2, 3)


async def test_what_was_said_before_we_first_listened_is_heard(ear: Ear) -> None:
    await ear.say(1)
    async with running(ear.bus().run()):
        await ear.hears(1)


async def test_what_was_acted_on_is_not_heard_again_after_a_restart(ear: Ear) -> None:
    await ear.say(1)
    async with running(ear.bus().run()):
        await ear.hears(1)
    await ear.say(2)
    async with running(ear.bus().run()):
        await ear.hears(2)


async def test_a_bus_that_fell_gets_up_again(ear: Ear) -> None:
    bus = ear.bus()
    for minutes in (1, 2):
        async with running(bus.run()):
            await ear.say(minutes)
            await ear.hears(minutes)
    assert ear.tried == [1, 2]


async def test_a_later_version_passes(ear: Ear) -> None:
    later = [*HEADERS[:3], ("ce_type", b"appointment.delayed.v9"), HEADERS[4]]
    await ear.shout(b'{"anything": true}', later)
    await ear.say(2)
    async with running(ear.bus().run()):
        await ear.hears(2)


BROKEN = {
    "no headers": (b"{}", [], b"not_a_cloudevent"),
    "no json": (b"{", HEADERS, b"not_json"),
    "empty": (b"", HEADERS, b"not_json"),
    "tombstone": (None, HEADERS, b"not_json"),
    "wrong shape": (b'{"minutes": "010190-123A"}', HEADERS, b"not_as_agreed"),
    "a list": (b"[]", HEADERS, b"not_as_agreed"),
    "headers not UTF-8": (b"{}", [*HEADERS, ("x-mark", b"\xff\xfe")], b"not_as_agreed"),
    "the envelope not UTF-8": (b"{}", [("ce_id", b"\xff")], b"not_a_cloudevent"),
    "as large as can be": (b"x" * 1_048_300, HEADERS, b"not_json"),
    "a header twice": (
        b"{}",
        [*HEADERS, ("x-mark", b"1"), ("x-mark", b"2")],
        b"not_as_agreed",
    ),
    "structured, not JSON": (
        b"{",
        [("content-type", b"application/cloudevents+json")],
        b"not_json",
    ),
    "structured, no envelope": (
        b"{}",
        [("content-type", b"application/cloudevents+json")],
        b"not_a_cloudevent",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_read_is_parked_as_it_came_and_the_next_is_handled(
    ear: Ear, name: str
) -> None:
    value, headers, reason = BROKEN[name]
    await ear.shout(value, headers)
    await ear.say(2)
    async with running(ear.bus().run()):
        await ear.hears(2)
        record = await ear.parked()
    if len(value or b"") < 1_000_000:  # else there is no room for it and a reason too
        assert (record.value or b"") == (value or b"")
    assert _header(record, "parked-reason") == reason
    assert _header(record, "parked-topic") == TOPIC.encode()
    assert list(record.headers)[: len(headers)] == headers


async def test_structured_mode_is_heard(ear: Ear) -> None:
    whole = {
        "specversion": "1.0",
        "id": "e-2",
        "source": "/lobby",
        "type": "appointment.delayed.v1",
        "data": {"appointment_id": ear.appointment, "minutes": 7},
    }
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    await ear.shout(json.dumps(whole).encode(), headers)
    async with running(ear.bus().run()):
        await ear.hears(7)


async def test_what_fails_is_tried_again(ear: Ear) -> None:
    ear.troubles[1] = [RuntimeError(), RuntimeError()]
    await ear.say(1, 2)
    async with running(ear.bus().run()):
        await ear.hears(1, 2)
    assert ear.tried == [1, 1, 1, 2]


async def test_what_goes_on_failing_is_parked_and_the_next_is_handled(
    ear: Ear,
) -> None:
    ear.troubles[1] = [RuntimeError()] * 10
    await ear.say(1, 2)
    async with running(ear.bus().run()):
        await ear.hears(2)
        record = await ear.parked()
    assert _header(record, "parked-reason") == b"failing"
    assert json.loads(record.value or b"")["minutes"] == 1
    assert ear.tried == [1, 1, 1, 1, 2]


OUR_FALLS = {
    name: fall
    for name, fall in FALLS.items()
    if name not in ("returns", "no Exception", "a base group")
}


@pytest.mark.parametrize("fall", OUR_FALLS.values(), ids=OUR_FALLS)
async def test_however_a_hearer_falls_it_is_tried_again_then_parked(
    ear: Ear, fall: Fall
) -> None:
    bus = ear.bus()

    @bus.hears(AppointmentDelayed)
    async def falls(event: AppointmentDelayed) -> None:
        if event.appointment_id != ear.appointment:
            return
        ear.tried.append(event.minutes)
        if event.minutes == 1:
            await fall()
        ear.heard.put_nowait(event.minutes)

    await ear.say(1, 2)
    async with running(bus.run()):
        await ear.hears(2)
        record = await ear.parked()
    assert _header(record, "parked-reason") == b"failing"
    assert ear.tried == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    "task",
    [
        "Partition.run",
        "Member._keep_committing",
        "Member._keep_measuring",
        "Member._follow_topics",
        "Member._hear_complaints",
    ],
)
async def test_a_bus_of_which_a_task_was_cancelled_lives_on(
    ear: Ear, task: str
) -> None:
    async with running(ear.bus().run()):
        await ear.say(1)
        await ear.hears(1)
        cancelled = _tasks(task)
        for each in cancelled:
            each.cancel()

        async def is_there_again() -> bool:
            return bool(_tasks(task) - cancelled)

        await until(is_there_again)
        await ear.say(2)
        await ear.hears(2)


def _tasks(name: str) -> "set[asyncio.Task[None]]":
    return {
        each
        for each in asyncio.all_tasks()
        if getattr(each.get_coro(), "__qualname__", "") == name
    }


async def test_a_letter_whose_producer_has_ended_is_for_the_next_life(
    ear: Ear,
) -> None:
    place = TopicPartition(TOPIC, 0)
    async with dead_letters(ear.service, ear.servers, log("test")) as letters:
        await letters.keep_place(place, 0, Lost.CORRUPT)
    with pytest.raises(ProducerClosed):
        async with asyncio.timeout(PATIENCE):
            await letters.keep_place(place, 1, Lost.CORRUPT)


async def test_a_message_stays_until_the_database_is_back(ear: Ear) -> None:
    ear.troubles[1] = [Unavailable("away")] * 10
    await ear.say(1, 2)
    async with running(ear.bus().run()):
        await ear.hears(1, 2)
    assert ear.tried == [1] * 11 + [2]


async def test_a_message_that_was_under_way_at_the_end_is_not_lost(ear: Ear) -> None:
    begun = asyncio.Event()
    bus = Bus(ear.service, ear.servers, 20, log(ear.service), drain_seconds=0.1)

    @bus.hears(AppointmentDelayed)
    async def hang(event: AppointmentDelayed) -> None:
        if event.appointment_id == ear.appointment:
            begun.set()
            await asyncio.Event().wait()

    await ear.say(1, 2)
    async with running(bus.run()) as task:
        await asyncio.wait_for(begun.wait(), PATIENCE)
        await _ends(task)
    async with running(ear.bus().run()):
        await ear.hears(1, 2)


async def test_a_bus_ends_though_kafka_does_not_answer(
    node: kafkas.ApacheKafka,
) -> None:
    ear = Ear(node.servers)
    await kafkas.create_topics(node.servers, [parked(ear.service)])
    async with running(ear.bus().run()) as task:
        await ear.say(1)
        await ear.hears(1)
        node.freeze()
        try:
            await _ends(task)
        finally:
            node.thaw()


async def _ends(task: "asyncio.Task[None]") -> None:
    """Well before FastStream and aiokafka would give up by themselves."""
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=FAREWELL_SECONDS + 7)
    assert ended


async def test_the_log_quotes_nothing_of_a_message(ear: Ear) -> None:
    ear.troubles[1] = [RuntimeError("010190-123A")] * 10
    with structlog.testing.capture_logs() as entries:
        await ear.shout(b'{"minutes": "010190-123A"}', HEADERS)
        await ear.say(1, 2)
        async with running(ear.bus().run()):
            await ear.hears(2)
    assert "010190" not in json.dumps(entries, default=str)
    assert sum(each["event"] == "A message was parked." for each in entries) >= 2


async def test_one_group_hears_several_topics(ear: Ear) -> None:
    bus, missed = ear.bus(), asyncio.Queue[str]()

    @bus.hears(AppointmentMissed)
    async def miss(event: AppointmentMissed) -> None:
        if event.appointment_id == ear.appointment:
            missed.put_nowait(event.appointment_id)

    assert bus.heard == {"appointment.delayed", "appointment.missed"}
    event = AppointmentMissed(appointment_id=ear.appointment, at=now() + timedelta(1))
    message = write(event.told_by("lobby", now()))
    async with running(bus.run()):
        await publish(ear.servers, message.topic, message.value, list(message.headers))
        assert await asyncio.wait_for(missed.get(), PATIENCE) == ear.appointment


async def test_two_instances_share_the_work(ear: Ear) -> None:
    async with running(ear.bus().run()), running(ear.bus().run()):
        await ear.say(1, 2, 3)
        await ear.hears(1, 2, 3)
    assert ear.tried == [1, 2, 3]


async def test_a_bus_that_started_before_kafka_hears_when_it_is_there(
    node: kafkas.ApacheKafka,
) -> None:
    ear = Ear(node.servers)
    await kafkas.create_topics(node.servers, [parked(ear.service)])
    await node.stop()
    async with running(ear.bus().run()) as task:
        await node.start()
        await ear.say(1)
        await ear.hears(1)
        assert not task.done()


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_an_outage_of_kafka_loses_nothing(
    node: kafkas.ApacheKafka, ending: str
) -> None:
    ear = Ear(node.servers)
    await kafkas.create_topics(node.servers, [parked(ear.service)])
    async with running(ear.bus().run()) as task:
        await ear.say(1)
        await ear.hears(1)
        await getattr(node, ending)()
        await node.start()
        await ear.say(2)
        await ear.hears(2)
        assert not task.done()


async def test_a_first_dead_letter_waits_for_kafka_however_long_it_is_away(
    node: kafkas.ApacheKafka,
) -> None:
    """Longer than the client asks for a topic that it has not met before."""
    service = f"test-{uuid4()}"
    await kafkas.create_topics(node.servers, [parked(service)])
    async with dead_letters(service, node.servers, log(service)) as letters:
        await node.stop()
        keeping = letters.keep_place(TopicPartition(TOPIC, 0), 7, Lost.CORRUPT)
        async with running(keeping) as kept:
            try:
                await asyncio.wait({kept}, timeout=2.5 * REQUEST_SECONDS)
            finally:
                await node.start()
            await asyncio.wait_for(kept, PATIENCE)
    [letter] = await said(node.servers, parked(service), lambda _: True, 1)
    assert _header(letter, "parked-offset") == b"7"


async def test_nobody_to_hear_is_no_trouble(kafka: kafkas.Cluster) -> None:
    await Bus("test", kafka.servers, 20, log("test")).run()
