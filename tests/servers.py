"""Which real servers the tests run on: given ones, containers, or our own.

`postgres()` and `kafka()` start what was found; `header()` says what would be used
and `used()` what was. A server starts only when a test asks for it.

| setting | means |
|---|---|
| `TEST_DATABASE_URL` | administrator's address of a PostgreSQL |
| `TEST_KAFKA_SERVERS` | bootstrap servers of a Kafka |
| `TEST_CHROMIUM` | a Chromium to use |
| `CI=true` | fail rather than skip, or run on a stand-in for Kafka |
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from playwright.async_api import Browser, async_playwright

from dev import kafka as kafkas
from dev import postgres as postgreses
from tests import postfix as postfixes

POSTGRES_IMAGE = "postgres"
KAFKA_IMAGE = "confluentinc/cp-kafka"  # the one that testcontainers can start
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A third quicker, and without notifications and a memory of the pages one goes back to.
QUICK_BROWSER = "chromium-headless-shell"
STAND_IN = "librdkafka's built-in cluster. THIS IS NOT KAFKA: install Java 17 and Maven"

Opened = TypeVar("Opened")
_used: set[str] = set()


class NoRealKafka(Exception):
    """CI is not content with a stand-in."""


@dataclass(frozen=True)
class Choice(Generic[Opened]):
    """A server that can be started, and what to call it until then."""

    name: str
    open: Callable[[], AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def postgres() -> AsyncIterator[postgreses.Server]:
    choice = chosen_postgres()
    async with choice.open() as server:
        note(f"PostgreSQL {server.version} ({choice.name})")
        yield server


@asynccontextmanager
async def kafka() -> AsyncIterator[kafkas.Cluster]:
    choice = chosen_kafka()
    async with choice.open() as cluster:
        note(f"{cluster.kind} ({choice.name})")
        yield cluster


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def header() -> list[str]:
    return [
        f"PostgreSQL: {chosen_postgres().name}",
        f"Kafka: {chosen_kafka().name}",
        f"browser: {browser_version()}",
        f"mail server: {mail_server()}",
    ]


def used() -> list[str]:
    """The servers that this run did start or call."""
    return sorted(_used)


def note(*names: str) -> None:
    """That the run uses these servers."""
    _used.update(names)


@cache
def chosen_postgres() -> Choice[postgreses.Server]:
    if url := os.environ.get("TEST_DATABASE_URL"):
        return Choice("TEST_DATABASE_URL", lambda: _given_postgres(url))
    if image := _image_here(POSTGRES_IMAGE):
        return Choice(f"container {image}", lambda: _contained_postgres(image))
    name = f"PostgreSQL {postgreses.packaged_version()} from a wheel"
    return Choice(name, postgreses.server)


@cache
def chosen_kafka() -> Choice[kafkas.Cluster]:
    if servers := os.environ.get("TEST_KAFKA_SERVERS"):
        return Choice("TEST_KAFKA_SERVERS", lambda: _given_kafka(servers))
    if image := _image_here(KAFKA_IMAGE):
        return Choice(f"container {image}", lambda: _contained_kafka(image))
    if _can_run_apache_kafka():
        name = f"Apache Kafka {kafkas.version_in_recipe()} from its jars"
        return Choice(name, _apache_kafka)
    if in_ci():
        raise NoRealKafka(
            "CI needs a real Kafka: TEST_KAFKA_SERVERS, or Java and Maven."
        )
    return Choice(STAND_IN, kafkas.built_in)


CHROMIUM = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",  # a machine without a network has no other
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


@asynccontextmanager
async def browser(*, whole: bool = False, rate: int = 10) -> AsyncIterator[Browser]:
    """A Chromium of this machine; a whole one, or the quickest.

    `rate`: pictures a second of each of its two made-up cameras.
    """
    cameras = f"--use-fake-device-for-media-stream=device-count=2,fps={rate}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=whole_chromium() if whole else quick_chromium(),
            args=[*CHROMIUM, cameras],
        )
        yield browser
        await browser.close()


def quick_chromium() -> str | None:
    named = os.environ.get("TEST_CHROMIUM")
    return named or shutil.which(QUICK_BROWSER) or whole_chromium()


@cache
def whole_chromium() -> str | None:
    """None leaves it to Playwright's own."""
    named = os.environ.get("TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@cache
def browser_version() -> str:
    path = whole_chromium()
    if path is None:
        return "Playwright's own Chromium"
    quick = "" if path == quick_chromium() else f", mostly {QUICK_BROWSER}"
    return (_said(path, "--version") or path) + quick


@cache
def mail_server() -> str:
    """Debian's Postfix, beside the one that is always here."""
    missing = postfixes.missing()
    version = _said("/usr/sbin/postconf", "-d", "-h", "mail_version")
    return f"aiosmtpd; {missing}" if missing else f"aiosmtpd, Postfix {version}"


def _can_run_apache_kafka() -> bool:
    jars = kafkas.jars_folder().exists() or shutil.which("mvn")
    return bool(jars and shutil.which("java"))


def _image_here(name: str) -> str | None:
    """The newest tag of this image that a Docker engine has here already."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    tags = _said(docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name)
    return max(tags.split(), default=None)


def _said(*command: str) -> str:
    """What the command prints; nothing when it fails, as without an engine."""
    answer = subprocess.run(  # noqa: S603 - our own commands, no shell
        command, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""


@asynccontextmanager
async def _given_postgres(url: str) -> AsyncIterator[postgreses.Server]:
    yield await postgreses.given(url)


@asynccontextmanager
async def _contained_postgres(image: str) -> AsyncIterator[postgreses.Server]:
    _contain_without_pulling()
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    container = PostgresContainer(image, driver=None)
    await asyncio.to_thread(container.start)
    try:
        yield await postgreses.given(container.get_connection_url())
    finally:
        await asyncio.to_thread(container.stop)


@asynccontextmanager
async def _given_kafka(servers: str) -> AsyncIterator[kafkas.Cluster]:
    yield kafkas.Cluster(servers, f"Kafka at {servers}")


@asynccontextmanager
async def _contained_kafka(image: str) -> AsyncIterator[kafkas.Cluster]:
    _contain_without_pulling()
    from testcontainers.community.kafka import KafkaContainer  # noqa: PLC0415

    container = KafkaContainer(image).with_kraft()
    await asyncio.to_thread(container.start)
    try:
        yield kafkas.Cluster(container.get_bootstrap_server(), f"Kafka in {image}")
    finally:
        await asyncio.to_thread(container.stop)


@asynccontextmanager
async def _apache_kafka() -> AsyncIterator[kafkas.Cluster]:
    async with kafkas.apache() as node:
        yield kafkas.Cluster(node.servers, node.kind)


def _contain_without_pulling() -> None:
    """Its clean-up container is an image more, and may not be here."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
