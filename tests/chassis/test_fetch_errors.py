"""What Kafka does not give, or gives spoilt: each error has an owner, and others go on."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import pytest_asyncio
import structlog
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from prometheus_client import REGISTRY

from chassis.bus import Bus
from chassis.clock import now
from chassis.consuming import (
    COMMIT_SECONDS,
    HAND_OVER_SECONDS,
    HEARTBEAT_SECONDS,
    REBALANCE_SECONDS,
    REQUEST_SECONDS,
)
from chassis.foundation import BUS, TASKS, in_the_way
from chassis.logs import log
from chassis.partition import Partition
from chassis.refusal import Unavailable
from contract.catalogue import parked
from contract.envelope import Message, write
from contract.lobby import AppointmentDelayed
from dev import kafka as kafkas
from tests.chassis.kafka import (
    ATTRIBUTES,
    LENGTH,
    PATIENCE,
    RECORDS,
    Record,
    damage,
    running,
    said,
    spoil,
    until,
)

PARTITIONS = 3
Wanted = tuple[tuple[int, str], ...]


@dataclass
class Station:
    """A service that hears one topic of its own, over a Kafka whose files we may touch."""

    node: kafkas.ApacheKafka
    service: str = field(default_factory=lambda: f"test-{uuid4()}")
    topic: str = field(default_factory=lambda: f"test.{uuid4()}")
    heard: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    def bus(self, *others: str) -> Bus:
        bus = Bus(
            self.service,
            self.node.servers,
            20,
            log(self.service),
            pauses=(0.01, 0.02, 0.03),
            drain_seconds=1,
        )

        async def hear(event: AppointmentDelayed) -> None:
            self.heard.put_nowait(event.minutes)

        for topic in (self.topic, *others):
            bus.hears(_event(topic))(hear)
        return bus

    def message(self, minutes: int, topic: str = "") -> Message:
        event = _event(topic or self.topic)(appointment_id="a-1", minutes=minutes)
        return write(event.told_by("lobby", now()))

    async def say(self, *minutes: int, partition: int = 0, topic: str = "") -> None:
        """Each in a batch of its own."""
        async with self._producer() as producer:
            for each in minutes:
                message = self.message(each, topic)
                await producer.send_and_wait(
                    message.topic,
                    message.value,
                    headers=list(message.headers),
                    partition=partition,
                )

    async def say_together(self, *minutes: int, partition: int = 0) -> None:
        """All in one batch."""
        async with self._producer() as producer:
            batch = producer.create_batch()
            for each in minutes:
                message = self.message(each)
                batch.append(
                    key=None,
                    value=message.value,
                    headers=list(message.headers),
                    timestamp=None,
                )
            await (await producer.send_batch(batch, self.topic, partition=partition))

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(bootstrap_servers=self.node.servers, acks="all")

    async def hears(self, *minutes: int) -> None:
        found = [await asyncio.wait_for(self.heard.get(), PATIENCE) for _ in minutes]
        assert sorted(found) == sorted(minutes)

    async def dead_letters(self, count: int) -> list[tuple[int, int, str]]:
        """Partition, offset and reason of each."""
        topic = parked(self.service)
        letters = await said(self.node.servers, topic, lambda _: True, count)
        assert all(letter.value == b"" for letter in letters)
        return sorted(_place(letter) for letter in letters)

    def spoil(self, which: int, partition: int = 0) -> None:
        spoil(self.node.log_of(self.topic, partition), which)

    def damage(self, how: Callable[[bytearray], None], which: int) -> None:
        damage(self.node.log_of(self.topic, 0), which, how)

    def errors(self, kind: str, topic: str | None = None) -> float:
        labels = {
            "service": self.service,
            "topic": self.topic if topic is None else topic,
            "kind": kind,
        }
        return REGISTRY.get_sample_value("chassis_fetch_errors_total", labels) or 0


def _event(name: str) -> type[AppointmentDelayed]:
    class Delayed(AppointmentDelayed):
        topic: ClassVar[str] = name

    return Delayed


def _place(letter: Record) -> tuple[int, int, str]:
    told = {name: value.decode() for name, value in letter.headers}
    where = int(told["parked-partition"]), int(told["parked-offset"])
    return (*where, told["parked-reason"])


@pytest_asyncio.fixture(loop_scope="session")
async def station(node: kafkas.ApacheKafka) -> AsyncIterator[Station]:
    station = Station(node)
    names = [station.topic, parked(station.service)]
    await kafkas.create_topics(node.servers, names)
    yield station


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_of_kafka_is_read(station: Station, codec: str) -> None:
    settings = {"bootstrap.servers": station.node.servers, "linger.ms": 50}
    producer = Producer({**settings, "compression.type": codec})
    for minutes in (1, 2, 3):
        message = station.message(minutes)
        headers = [*message.headers, ("note", b"a" * 2000)]
        producer.produce(message.topic, message.value, headers=headers)
    await asyncio.to_thread(producer.flush)
    async with running(station.bus().run()):
        await station.hears(1, 2, 3)


def _codec(number: int) -> Callable[[bytearray], None]:
    def change(batch: bytearray) -> None:
        batch[ATTRIBUTES + 1] = number

    return change


def _header_name(batch: bytearray) -> None:
    at = batch.index(b"ce_id", RECORDS)
    batch[at : at + 2] = b"\xff\xfe"


DAMAGES = {
    "a codec that Kafka does not have": (_codec(5), "unknown_codec"),
    "the last codec that there could be": (_codec(7), "unknown_codec"),
    "not gzip": (_codec(1), "undecodable"),
    "not snappy": (_codec(2), "undecodable"),
    "not lz4": (_codec(3), "undecodable"),
    "not zstd": (_codec(4), "undecodable"),
    "a header's name that is not UTF-8": (_header_name, "undecodable"),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_what_can_never_be_read_is_dead_lettered_by_its_place(
    station: Station, name: str
) -> None:
    how, reason = DAMAGES[name]
    await station.say(1, 2, 3)
    station.damage(how, which=1)
    async with running(station.bus().run()):
        await station.hears(1, 3)
        assert await station.dead_letters(1) == [(0, 1, reason)]
    assert station.errors(reason) == 1


@pytest.mark.parametrize(
    "bad", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)], ids=str
)
async def test_bytes_that_are_spoilt_are_stepped_over_wherever_they_lie(
    station: Station, bad: tuple[int, ...]
) -> None:
    await station.say(0, 1, 2)
    await station.say(7, partition=1)
    for which in bad:
        station.spoil(which)
    async with running(station.bus().run()):
        await station.hears(7, *(each for each in range(3) if each not in bad))
        letters = await station.dead_letters(len(bad))
        assert letters == [(0, offset, "corrupt") for offset in bad]
        await station.say(9)
        await station.hears(9)


async def test_of_a_spoilt_batch_each_offset_is_dead_lettered(
    station: Station,
) -> None:
    await station.say(0)
    await station.say_together(1, 2, 3, 4)
    await station.say(5)
    station.spoil(1)
    async with running(station.bus().run()):
        await station.hears(0, 5)
        letters = await station.dead_letters(4)
    assert letters == [(0, offset, "corrupt") for offset in (1, 2, 3, 4)]


async def test_all_partitions_spoilt_still_let_pass_what_comes_next(
    station: Station,
) -> None:
    for partition in range(PARTITIONS):
        await station.say(1, partition=partition)
        station.spoil(0, partition)
    async with running(station.bus().run()):
        await station.dead_letters(PARTITIONS)
        for partition in range(PARTITIONS):
            await station.say(partition, partition=partition)
        await station.hears(*range(PARTITIONS))


async def test_what_was_stepped_over_is_not_met_again_after_a_restart(
    station: Station,
) -> None:
    await station.say(1, 2)
    station.spoil(0)
    async with running(station.bus().run()):
        await station.hears(2)
    await station.say(3)
    async with running(station.bus().run()):
        await station.hears(3)
    assert station.errors("corrupt") == 1


async def test_damage_that_was_on_the_way_only_costs_a_moment(
    station: Station,
) -> None:
    await station.say(1)
    station.spoil(0)
    async with running(station.bus().run()):
        await asyncio.sleep(0.05)
        station.spoil(0)  # twice is as it was
        await station.hears(1)
    assert station.errors("corrupt") == 0


async def test_the_log_says_where_it_lies_and_nothing_of_it(station: Station) -> None:
    await station.say(1, 2)
    station.spoil(0)
    with structlog.testing.capture_logs() as entries:
        async with running(station.bus().run()):
            await station.hears(2)
    place = {"topic": station.topic, "kind": "corrupt", "partition": 0, "offset": 0}
    assert any(place.items() <= entry.items() for entry in entries)
    letter = {"topic": station.topic, "partition": "0", "offset": "0"}
    letter |= {"event": "A message was parked.", "reason": "corrupt"}
    assert any(letter.items() <= entry.items() for entry in entries)


async def test_a_topic_that_is_missing_keeps_nobody_from_hearing_the_others(
    station: Station,
) -> None:
    late = f"test.{uuid4()}"
    await station.say(1)
    async with running(station.bus(late).run()):
        await station.hears(1)
        assert station.errors("topic_missing", late) == 1
        await kafkas.create_topics(station.node.servers, [late])
        await station.say(2, topic=late)
        await station.hears(2)
        await station.say(3)
        await station.hears(3)


async def test_a_topic_that_was_made_between_two_lives_is_missing_no_more(
    station: Station,
) -> None:
    late = f"test.{uuid4()}"

    def missing() -> float | None:
        labels = {"service": station.service}
        return REGISTRY.get_sample_value("chassis_topics_missing", labels)

    async def is_missed() -> bool:
        return missing() == 1

    async def is_missed_no_more() -> bool:
        return missing() == 0

    async with running(station.bus(late).run()):
        await until(is_missed)
    await kafkas.create_topics(station.node.servers, [late])
    async with running(station.bus(late).run()):
        await until(is_missed_no_more)


async def test_a_partition_stands_still_no_more_while_kafka_is_away(
    station: Station,
) -> None:
    """ "Cannot know" is not "stands still", nor is it what was known before."""
    deed = Deed()
    bus = Bus(station.service, station.node.servers, 20, log(station.service))
    bus.hears(_event(station.topic))(deed)
    await station.say(1)

    async def stands_still() -> bool:
        return _stalled(station) > 1

    async def does_not() -> bool:
        return _stalled(station) < 1

    async with running(bus.run()):
        await until(stands_still)
        station.node.freeze()
        try:
            await until(does_not)
        finally:
            station.node.thaw()
            deed.may_go_on.set()


def _stalled(station: Station) -> float:
    labels = {"service": station.service, "topic": station.topic, "partition": "0"}
    return REGISTRY.get_sample_value("chassis_consumer_stalled_seconds", labels) or 0


async def test_a_service_whose_topics_are_all_missing_hears_when_they_are_made(
    node: kafkas.ApacheKafka,
) -> None:
    station = Station(node)
    await kafkas.create_topics(node.servers, [parked(station.service)])
    async with running(station.bus().run()):

        async def is_missed() -> bool:
            return station.errors("topic_missing") == 1

        await until(is_missed)
        await kafkas.create_topics(node.servers, [station.topic])
        await station.say(1)
        await station.hears(1)


async def test_what_was_dropped_before_we_came_is_told_and_the_rest_is_heard(
    station: Station,
) -> None:
    await station.say(1, 2)
    async with running(station.bus().run()):
        await station.hears(1, 2)
    await station.say(3, 4, 5)
    await _drop(station, before=4)
    with structlog.testing.capture_logs() as entries:
        async with running(station.bus().run()):
            await station.hears(5)
    place = {"topic": station.topic, "partition": 0, "offset": 2, "goes_on_at": 4}
    assert any(place.items() <= entry.items() for entry in entries)
    assert station.errors("out_of_range") == 1


async def test_what_is_dropped_while_we_are_behind_is_stepped_over(
    station: Station,
) -> None:
    """Nothing is said of a new group, which has no place to be moved from."""
    await station.say(1, 2, 3)
    await _drop(station, before=2)
    async with running(station.bus().run()):
        await station.hears(3)
    assert station.errors("out_of_range") == 0
    assert station.errors("no_position") == 0


async def _drop(station: Station, before: int) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=station.node.servers)
    await admin.start()
    try:
        name = TopicPartition(station.topic, 0)
        await admin.delete_records({name: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def test_a_topic_that_was_made_anew_is_heard_from_its_beginning(
    station: Station,
) -> None:
    await station.say(1, 2, 3)
    async with running(station.bus().run()):
        await station.hears(1, 2, 3)
    await _make_anew(station)
    await station.say(4)
    async with running(station.bus().run()):
        await station.hears(4)


async def _make_anew(station: Station) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=station.node.servers)
    await admin.start()
    try:
        await admin.delete_topics([station.topic])

        async def is_gone() -> bool:
            return station.topic not in await admin.list_topics()

        await until(is_gone)
    finally:
        await admin.close()
    await kafkas.create_topics(station.node.servers, [station.topic])


async def test_what_cannot_be_dead_lettered_stands_in_nobodys_way(
    node: kafkas.ApacheKafka,
) -> None:
    """Its topic was not made; the log says where the message lies."""
    station = Station(node)
    await kafkas.create_topics(node.servers, [station.topic])
    await station.say(1, 2)
    station.spoil(0)
    with structlog.testing.capture_logs() as entries:
        async with running(station.bus().run()):
            await station.hears(2)
    letter = {"topic": station.topic, "partition": "0", "offset": "0"}
    assert any(
        letter.items() <= entry.items() and "refused" in entry["event"]
        for entry in entries
    )


async def test_what_was_taken_back_is_not_heard(station: Station) -> None:
    """A booking system may write in transactions."""
    producer = Producer(
        {"bootstrap.servers": station.node.servers, "transactional.id": station.topic}
    )
    await asyncio.to_thread(producer.init_transactions)
    for minutes, keep in ((1, True), (2, False), (3, True)):
        message = station.message(minutes)
        producer.begin_transaction()
        producer.produce(
            message.topic, message.value, headers=list(message.headers), partition=0
        )
        await asyncio.to_thread(producer.flush)  # or an abort would take back nothing
        end = producer.commit_transaction if keep else producer.abort_transaction
        await asyncio.to_thread(end)
    async with running(station.bus().run()):
        await station.hears(1, 3)


@asynccontextmanager
async def _only(
    station: Station, kind: ResourceType, name: str, *allowed: AclOperation
) -> AsyncIterator[None]:
    """Everybody may do this with it, and so nothing else."""
    admin = AdminClient({"bootstrap.servers": station.node.servers})
    what = (kind, name, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*")
    rules = [(*what, each, AclPermissionType.ALLOW) for each in allowed]
    made = admin.create_acls([AclBinding(*rule) for rule in rules])
    await asyncio.to_thread(lambda: [each.result() for each in made.values()])
    try:
        yield
    finally:
        dropped = admin.delete_acls([AclBindingFilter(*rule) for rule in rules])
        await asyncio.to_thread(lambda: [each.result() for each in dropped.values()])


async def test_a_topic_that_may_not_be_read_keeps_nobody_from_hearing_the_others(
    station: Station,
) -> None:
    other = f"test.{uuid4()}"
    await kafkas.create_topics(station.node.servers, [other])
    await station.say(1)
    topic = (ResourceType.TOPIC, station.topic, AclOperation.DESCRIBE)
    async with AsyncExitStack() as forbidden, AsyncExitStack() as listening:
        await forbidden.enter_async_context(_only(station, *topic))
        await listening.enter_async_context(running(station.bus(other).run()))
        await station.say(*range(2, 5), topic=other)
        await station.hears(2, 3, 4)
        await until(_grows(station, "forbidden"))
        await forbidden.aclose()
        await station.hears(1)


async def test_a_topic_that_may_not_be_seen_counts_as_missing(
    station: Station,
) -> None:
    await station.say(1)
    topic = (ResourceType.TOPIC, station.topic, AclOperation.CREATE)
    async with _only(station, *topic), running(station.bus().run()):
        await until(_grows(station, "topic_missing"))
    async with running(station.bus().run()):
        await station.hears(1)


async def test_a_group_that_is_forbidden_is_told_of_and_heard_when_it_is_allowed(
    station: Station,
) -> None:
    bus = station.bus()

    async def is_outside() -> bool:
        return bus.standing_still(8) == ["its group"]  # for longer than one life

    async def is_inside() -> bool:
        return bus.standing_still(0.01) == []  # now, for a place may be given anew

    await station.say(1)
    async with running(bus.run()):
        group = (ResourceType.GROUP, station.service, AclOperation.DESCRIBE)
        async with _only(station, *group):
            await until(_grows(station, "group", topic=""))
            await until(is_outside)
        await station.hears(1)
        await until(is_inside)


def _grows(station: Station, kind: str, topic: str | None = None) -> Any:
    async def has_grown() -> bool:
        return station.errors(kind, topic) > 0

    return has_grown


async def test_what_the_broker_has_and_does_not_give_is_told_of_and_waited_for(
    station: Station,
) -> None:
    """It may be whole on another broker: nothing is stepped over."""
    await station.say(1, 2)
    await station.say(7, partition=1)
    whole = station.node.log_of(station.topic, 0).read_bytes()

    def too_short(batch: bytearray) -> None:
        struct.pack_into(">i", batch, LENGTH, 5)

    station.damage(too_short, which=0)
    bus = station.bus()
    async with running(bus.run()):
        await station.hears(7)
        await until(_grows(station, "not_fetched"))
        assert bus.standing_still(1) == [f"{station.topic}/0"]
        await station.say(8, partition=1)
        await station.hears(8)
        with station.node.log_of(station.topic, 0).open("r+b") as file:
            file.write(whole)
        await station.hears(1, 2)
        assert bus.standing_still(1) == []


@dataclass
class Deed:
    """What a hearer does: it hangs until it may go on, or the database is away."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def __call__(self, _: AppointmentDelayed) -> None:
        self.begun.set()
        if self.away:
            raise Unavailable("away")
        await self.may_go_on.wait()


async def _lags(station: Station) -> bool:
    labels = {"service": station.service, "topic": station.topic, "partition": "0"}
    return bool(REGISTRY.get_sample_value("chassis_consumer_lag", labels))


async def test_a_partition_that_does_not_go_on_is_seen_until_it_does(
    station: Station,
) -> None:
    deed = Deed()
    bus = Bus(station.service, station.node.servers, 20, log(station.service))
    bus.hears(_event(station.topic))(deed)
    await station.say(1, 2)
    async with running(bus.run()):
        await until(lambda: _lags(station))
        assert bus.standing_still(1) == [f"{station.topic}/0"]
        assert bus.standing_still() == []  # not for so long
        deed.may_go_on.set()

        async def has_gone_on() -> bool:
            return not await _lags(station) and bus.standing_still(0.5) == []

        await until(has_gone_on)


async def test_a_partition_whose_place_nobody_knows_stands_still(
    station: Station,
) -> None:
    """As when the group's coordinator does not tell it, and goes on not telling."""
    name = TopicPartition(station.topic, 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=station.node.servers, auto_offset_reset="none"
    ) as consumer:
        consumer.assign([name])
        partition = _partition(station, consumer, name)
        await partition.measure(end=5)
        assert partition.stalled > 0
        await partition.measure(end=None)  # and now Kafka says nothing
        assert partition.stalled < 1
        consumer.seek(name, 5)
        await partition.measure(end=5)
        assert partition.stalled == 0


def _partition(
    station: Station, consumer: AIOKafkaConsumer, name: TopicPartition
) -> Partition:
    """Of a consumer that reads nothing."""

    async def take(*_: object) -> None: ...

    return Partition(
        name,
        consumer=consumer,
        letters=None,  # type: ignore[arg-type]  # nothing is read
        take=take,
        progress=asyncio.Event(),
        service=station.service,
        log=log("test"),
    )


async def test_a_partition_that_rests_is_told_of_once_until_it_asks_again(
    station: Station,
) -> None:
    name = TopicPartition(station.topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=station.node.servers) as consumer:
        consumer.assign([name])
        partition = _partition(station, consumer, name)
        for _ in range(3):
            partition.rest()
        assert station.errors("not_fetched") == 1
        assert consumer.paused() == {name}

        async def asks_again() -> bool:
            return not consumer.paused()

        await until(asks_again)
        another = TopicPartition(station.topic, 1)  # it is not, or no longer, ours
        _partition(station, consumer, another).rest()
        assert station.errors("not_fetched") == 1


async def test_a_client_that_has_stopped_asking_is_replaced_though_little_is_said(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but one of its partitions have nothing to hear: that is no answer of Kafka's."""
    monkeypatch.setattr("chassis.consuming.MEASURE_EVERY", 0.2)
    monkeypatch.setattr("chassis.consuming.SILENT_SECONDS", 1.0)
    monkeypatch.setattr("chassis.consuming.DEAF_SECONDS", 2.0)
    async with running(station.bus().run()):
        await station.say(1)
        await station.hears(1)
        for each in asyncio.all_tasks():
            asks = getattr(each.get_coro(), "__qualname__", "")
            if asks == "Fetcher._fetch_requests_routine":
                each.cancel()
        await station.say(2)
        await station.hears(2)


async def test_a_client_whose_partitions_are_quiet_is_let_be(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.consuming.MEASURE_EVERY", 0.1)
    monkeypatch.setattr("chassis.consuming.SILENT_SECONDS", 1.0)
    monkeypatch.setattr("chassis.consuming.DEAF_SECONDS", 0.5)
    async with running(station.bus().run()):
        await station.say(1)
        await station.hears(1)
        with structlog.testing.capture_logs() as entries:
            await asyncio.sleep(4)
    assert not [each for each in entries if "starts again" in each["event"]]


def test_a_hand_over_fits_into_a_rebalance_and_that_into_an_answer() -> None:
    hand_over = HEARTBEAT_SECONDS + HAND_OVER_SECONDS + COMMIT_SECONDS
    assert hand_over < REBALANCE_SECONDS < REQUEST_SECONDS


async def test_ready_says_which_partition_stands_still(station: Station) -> None:
    bus = Bus(station.service, station.node.servers, 20, log("test"), still_seconds=1.0)
    deed = Deed()
    bus.hears(_event(station.topic))(deed)
    app = web.Application()
    app[TASKS], app[BUS] = (), bus
    await station.say(1)
    async with running(bus.run()):
        assert in_the_way(app) == []
        await until(lambda: _lags(station))
        assert in_the_way(app) == [f"consumer stands still: {station.topic}/0"]
        deed.may_go_on.set()


async def test_a_partition_that_waits_for_the_database_does_not_stand_still(
    station: Station,
) -> None:
    deed = Deed(away=True)
    bus = Bus(
        station.service,
        station.node.servers,
        20,
        log(station.service),
        away_pause=0.1,
        drain_seconds=1,
    )
    bus.hears(_event(station.topic))(deed)
    await station.say(1)
    async with running(bus.run()):
        await until(lambda: _lags(station))
        assert bus.standing_still(1) == []


async def test_an_act_that_hangs_has_failed(station: Station) -> None:
    bus = Bus(
        station.service,
        station.node.servers,
        20,
        log(station.service),
        pauses=(0.01,),
        act_seconds=0.05,
    )
    bus.hears(_event(station.topic))(Deed())
    await station.say(1)
    async with running(bus.run()):
        topic = parked(station.service)
        [letter] = await said(station.node.servers, topic, lambda _: True, 1)
    assert _place(letter) == (0, 0, "failing")


async def test_a_partition_whose_event_fails_does_not_hold_up_the_others(
    station: Station,
) -> None:
    deed = Deed()
    heard: asyncio.Queue[int] = asyncio.Queue()
    bus = Bus(station.service, station.node.servers, 20, log(station.service))

    async def hear(event: AppointmentDelayed) -> None:
        if event.minutes == 1:
            await deed(event)
        heard.put_nowait(event.minutes)

    bus.hears(_event(station.topic))(hear)
    await station.say(1, 2)
    await station.say(7, 8, partition=1)
    async with running(bus.run()):
        first = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(2)]
        assert first == [7, 8]
        deed.may_go_on.set()
        rest = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(2)]
        assert rest == [1, 2]


async def test_what_is_under_way_when_another_instance_comes_is_not_done_twice(
    station: Station,
) -> None:
    """It has a moment to end before its partition goes to somebody else."""
    begun = asyncio.Event()
    acted: list[int] = []

    def bus() -> Bus:
        made = Bus(station.service, station.node.servers, 20, log(station.service))

        async def slow(event: AppointmentDelayed) -> None:
            begun.set()
            await asyncio.sleep(0.2)
            acted.append(event.minutes)

        made.hears(_event(station.topic))(slow)
        return made

    for partition in range(PARTITIONS):
        await station.say(*(partition * 10 + n for n in range(8)), partition=partition)

    async def all_acted() -> bool:
        return len(set(acted)) == 8 * PARTITIONS

    async with running(bus().run()):
        await asyncio.wait_for(begun.wait(), PATIENCE)
        async with running(bus().run()):
            await until(all_acted)
    assert len(acted) == 8 * PARTITIONS


async def test_a_client_that_has_stopped_asking_is_replaced_though_a_topic_is_forbidden(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.consuming.MEASURE_EVERY", 0.2)
    monkeypatch.setattr("chassis.consuming.SILENT_SECONDS", 1.0)
    monkeypatch.setattr("chassis.consuming.DEAF_SECONDS", 2.0)
    other = f"test.{uuid4()}"
    await kafkas.create_topics(station.node.servers, [other])
    topic = (ResourceType.TOPIC, station.topic, AclOperation.DESCRIBE)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_only(station, *topic))
        await stack.enter_async_context(running(station.bus(other).run()))
        await station.say(1, topic=other)
        await station.hears(1)
        await until(_grows(station, "forbidden"))
        for each in asyncio.all_tasks():
            asks = getattr(each.get_coro(), "__qualname__", "")
            if asks == "Fetcher._fetch_requests_routine":
                each.cancel()
        await station.say(2, topic=other)
        assert await asyncio.wait_for(station.heard.get(), 30) == 2
