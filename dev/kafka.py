"""Kafka on one machine: Apache Kafka itself, or librdkafka's small built-in cluster.

`apache()` runs one real node (KRaft, no ZooKeeper) that tests can stop, kill,
freeze and start again on the same port and data. `built_in()` needs no Java and
keeps everything in memory. `create_topics()` works on both, and on any other.
"""

import asyncio
import hashlib
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    UnknownTopicOrPartitionError,
)
from confluent_kafka import Producer

from chassis.topics import create
from dev import programs

HERE = Path(__file__).parent
RECIPE = HERE / "apache-kafka" / "pom.xml"
LOGGING = HERE / "apache-kafka" / "log4j2.properties"
CACHE = HERE.parent / ".cache" / "kafka"
READY_WITHIN = 60
ARCHIVED_WITHIN = 60
PARTITIONS = 3

# A test's broker holds little: a small heap and the quick compiler start soonest.
JAVA = (
    "java",
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    f"-Dlog4j2.configurationFile={LOGGING}",
)


@dataclass(frozen=True)
class Cluster:
    """Where clients connect (`servers`), and what it is."""

    servers: str
    kind: str


class ApacheKafka:
    """One node with its own data; `stop`, `kill` and `start` keep port and data."""

    def __init__(self, jars: Path, home: Path, classes: str) -> None:
        port, quorum_port = programs.free_port(), programs.free_port()
        self.servers = f"127.0.0.1:{port}"
        self.kind = f"Apache Kafka {version_of(jars)}"
        self._port = port
        self._java = (*JAVA, "-cp", f"{jars}/*")
        self._classes = classes
        self._home = home
        self._settings = home / "server.properties"
        self._settings.write_text(_properties(home, port, quorum_port))
        self._program: programs.Program | None = None
        self.ended_by_itself = False

    async def format(self) -> None:
        """Prepare empty storage, once."""
        cluster_id = ("--cluster-id", str(uuid4()))
        tool = ("kafka.tools.StorageTool", "format", "--standalone", *cluster_id)
        command = (*self._java, *tool, "--config", str(self._settings))
        await programs.run(command, self._home / "log")

    async def start(self) -> None:
        """Returns when a client is answered."""
        command = (*self._java, self._classes, "kafka.Kafka", str(self._settings))
        self._program = programs.start(command, self._home / "log")
        await programs.until(self._answers, self._program, READY_WITHIN)

    async def stop(self, seconds: float = 10) -> None:
        """Ask it to end, as operations would; so much later it is killed."""
        await self._end(signal.SIGTERM, seconds)

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Keep every connection open and answer nothing."""
        self._running().send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().send(signal.SIGCONT)

    def log_of(self, topic: str, partition: int) -> Path:
        """The file in which it keeps this partition."""
        (log,) = (self._home / "data" / f"{topic}-{partition}").glob("*.log")
        return log

    async def _end(self, sign: signal.Signals, seconds: float = 10) -> None:
        if self._program is None:
            return
        program, self._program = self._program, None
        program.send(signal.SIGCONT)  # a frozen program hears nothing else
        self.ended_by_itself = await program.end(sign, seconds)

    def _running(self) -> programs.Program:
        if self._program is None:
            raise programs.ProgramFailed("This Kafka is not running.")
        return self._program

    async def _answers(self) -> bool:
        # The client complains to the log about a closed door, so try the handle first.
        return await programs.listens(self._port) and await answers(self.servers)


@asynccontextmanager
async def apache() -> AsyncIterator[ApacheKafka]:
    """Apache Kafka on free ports; its jars are fetched once and kept."""
    jars = await fetch_jars()
    classes = f"-XX:SharedArchiveFile={await _class_archive(jars)}"
    async with _node(jars, classes) as kafka:
        yield kafka


@asynccontextmanager
async def _node(jars: Path, classes: str) -> AsyncIterator[ApacheKafka]:
    with tempfile.TemporaryDirectory(prefix="videomottagning-kafka-") as home:
        kafka = ApacheKafka(jars, Path(home), classes)
        await kafka.format()
        try:
            await kafka.start()
            yield kafka
        finally:
            await kafka.stop()


async def _class_archive(jars: Path) -> Path:
    """What Java works out of the jars, kept from one run: a third less at each start.

    Java does without it where it is missing or of another version, but not where it is
    half written.
    """
    archive = jars.with_suffix(".jsa")
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            made = Path(scratch) / archive.name
            async with _node(jars, f"-XX:ArchiveClassesAtExit={made}") as kafka:
                await kafka.stop(ARCHIVED_WITHIN)
            if made.exists() and kafka.ended_by_itself:
                made.rename(archive)
    return archive


@asynccontextmanager
async def built_in() -> AsyncIterator[Cluster]:
    """The cluster inside librdkafka: in memory, and gone with this process.

    Its fetch does not wake on a new record: set `fetch_max_wait_ms` low (20).
    """
    host = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    metadata = await asyncio.to_thread(host.list_topics, timeout=READY_WITHIN)
    broker = next(iter(metadata.brokers.values()))
    # `host` lives as long as this frame does, and the cluster as long as `host`.
    yield Cluster(f"{broker.host}:{broker.port}", "librdkafka's built-in cluster")
    host.flush(0)


async def create_topics(
    servers: str, names: Iterable[str], partitions: int = PARTITIONS
) -> None:
    """Make the topics that are missing, and wait until each has a leader."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        wanted = sorted(names)
        # To ask about a topic makes it, where a cluster makes topics by itself.
        await _create(admin, wanted, partitions)
        async with asyncio.timeout(READY_WITHIN):
            # A cluster tells nobody when a leader is chosen, so one has to ask.
            while await _not_ready(admin, wanted):  # noqa: ASYNC110
                await asyncio.sleep(programs.PAUSE)
    finally:
        await admin.close()


async def answers(servers: str) -> bool:
    """Whether a client gets the cluster's description."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    try:
        await client.bootstrap()
    except KafkaError:
        return False
    finally:
        await client.close()
    return True


async def fetch_jars() -> Path:
    """The folder of jars for this recipe; Maven runs only when it is not there."""
    folder = jars_folder()
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            gathered = Path(scratch) / "jars"
            await programs.run(_maven(gathered), Path(scratch) / "log")
            _keep(gathered, folder)
    return folder


def jars_folder() -> Path:
    recipe = hashlib.sha256(RECIPE.read_bytes()).hexdigest()
    return CACHE / recipe[:12]


def version_of(jars: Path) -> str:
    jar = next(jars.glob("kafka_2.13-*.jar"))
    return jar.stem.removeprefix("kafka_2.13-")


def version_in_recipe() -> str:
    """The version that `fetch_jars` would bring."""
    words = re.search(r"<kafka.version>(.+)</kafka.version>", RECIPE.read_text())
    if words is None:
        raise programs.ProgramFailed("The recipe names no version of Kafka.")
    return words.group(1)


async def _not_ready(admin: AIOKafkaAdminClient, names: list[str]) -> list[str]:
    described = await admin.describe_topics(names)
    return [each["topic"] for each in described if not _has_leaders(each)]


def _has_leaders(topic: dict[str, Any]) -> bool:
    problems = [topic["error_code"], *(p["error_code"] for p in topic["partitions"])]
    return bool(topic["partitions"]) and not any(problems)


async def _create(
    admin: AIOKafkaAdminClient, names: list[str], partitions: int
) -> None:
    described = await admin.describe_topics(names)
    missing = UnknownTopicOrPartitionError.errno
    unknown = [each["topic"] for each in described if each["error_code"] == missing]
    if unknown:
        await create(admin, unknown, partitions, copies=1)


def _keep(gathered: Path, folder: Path) -> None:
    try:
        gathered.rename(folder)
    except OSError:
        if not folder.exists():  # else another run was first, with the same jars
            raise


def _maven(folder: Path) -> list[str]:
    return [
        "mvn",
        "--quiet",
        "--batch-mode",
        *("--file", str(RECIPE)),
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={folder}",
    ]


def _properties(home: Path, port: int, quorum_port: int) -> str:
    place, quorum = f"127.0.0.1:{port}", f"127.0.0.1:{quorum_port}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": quorum,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{place},CONTROLLER://{quorum}",
        "advertised.listeners": f"PLAINTEXT://{place}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(home / "data"),
        "num.partitions": str(PARTITIONS),
        # A killed node may register again only when its old session is over.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        # A topic nobody made is a mistake, as in production.
        "auto.create.topics.enable": "false",
        # A test may forbid something; what nobody spoke of is allowed to everybody.
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        # One node keeps one copy of its own books, too.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        # A group of one need not wait for others to join.
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
