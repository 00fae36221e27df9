"""Thousands of pages at one process: each is told all, and none holds up another."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from chassis.sessions import VisitSession
from contract.booking import Change
from contract.envelope import Event
from tests.chassis.conftest import NINE
from tests.chassis.kafka import until
from tests.keys import HOUR, a_visit
from tests.notifier.conftest import House
from tests.notifier.events import booked, delayed

PAGES = 2000
APPOINTMENTS = 100
FILES = 3 * PAGES  # both ends of each are in this process
PATIENCE = 180  # seconds
AT_ONCE = 20  # doors that are knocked at together
OK, NOT_NOW = b"200", b"503"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as both ends of each stream need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass
class Page:
    """As light as can be: it keeps the numbers of the notices, and no more."""

    session: VisitSession
    cookie: str
    last: int | None = None
    heard: list[int] = field(default_factory=list)

    async def listen(
        self, server: TestServer, opening: asyncio.Semaphore, wanted: int
    ) -> None:
        """Until so many notices have been heard in all."""
        async with self._stream(server, opening) as reader:
            while len(self.heard) < wanted:
                self._take(await reader.readuntil(b"\r\n\r\n"))

    @asynccontextmanager
    async def _stream(
        self, server: TestServer, opening: asyncio.Semaphore
    ) -> AsyncIterator[asyncio.StreamReader]:
        async with opening:
            reader, writer = await self._opened(server)
        try:
            yield reader
        finally:
            await _close(writer)

    async def _opened(self, server: TestServer) -> Connection:
        """Who is told to come back in a moment does."""
        while True:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(self._question())
            head = await reader.readuntil(b"\r\n\r\n")
            if head.split()[1] == OK:
                return reader, writer
            await _close(writer)
            assert head.split()[1] == NOT_NOW, head
            await asyncio.sleep(1)

    def _question(self) -> bytes:
        last = f"Last-Event-ID: {self.last}\r\n" if self.last is not None else ""
        return (
            "GET /notifier/stream/visit HTTP/1.0\r\nHost: x\r\n"  # and so no chunks
            f"Cookie: {self.cookie}\r\n{last}\r\n"
        ).encode()

    def _take(self, told: bytes) -> None:
        fields = dict(
            line.split(b": ", 1) for line in told.split(b"\r\n") if b": " in line
        )
        if b"id" in fields:
            self.last = int(fields[b"id"])
            if fields[b"event"] == b"notice":
                self.heard.append(self.last)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def _pages(house: House) -> Sequence[Page]:
    """Twenty of each appointment, by people of their own."""
    pages = []
    for number in range(PAGES):
        name = f"a-{number % APPOINTMENTS}"
        person = {"sub": str(UUID(int=number + 1))}
        session = a_visit(NINE + HOUR, name).model_copy(update=person)
        pages.append(Page(session, house.headers(session)["Cookie"]))
    return pages


async def _hear(house: House, events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, Change):
            await house.notifier.change(event)
        else:
            await house.notifier.tell(event)


def _delays(minutes: int) -> list[Event]:
    return [delayed(minutes, f"a-{number}") for number in range(APPOINTMENTS)]


async def _listening(
    pages: Sequence[Page], server: TestServer, wanted: int
) -> asyncio.Task[None]:
    """All of them, until each has heard so many; returns when all streams are open."""
    opening = asyncio.Semaphore(AT_ONCE)

    async def listen() -> None:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as all_at_once:
            for page in pages:
                all_at_once.create_task(page.listen(server, opening, wanted))

    listening = asyncio.create_task(listen())

    async def all_open() -> bool:
        return _open_streams() == len(pages) or listening.done()

    await until(all_open)
    return listening


def _open_streams() -> float:
    return REGISTRY.get_sample_value("notifier_streams", {"audience": "visit"}) or 0


@pytest.mark.usefixtures("many_files")
async def test_two_thousand_pages_are_told_all_through_a_restart(house: House) -> None:
    pages = _pages(house)
    await _hear(house, [booked(f"a-{number}") for number in range(APPOINTMENTS)])
    first = await house.instance()
    listening = await _listening(pages, first, wanted=3)
    await _until_all_have_begun(pages)
    for minutes in range(3):
        await _hear(house, _delays(minutes))
    await listening
    await first.close()

    for minutes in range(3, 5):  # nobody listens
        await _hear(house, _delays(minutes))
    second = await house.instance()
    listening = await _listening(pages, second, wanted=6)
    await _hear(house, _delays(5))
    await listening

    said = await _said(house)
    for page in pages:
        assert page.heard == said[page.session.appointment]


async def _until_all_have_begun(pages: Sequence[Page]) -> None:
    async def begun() -> bool:
        return all(page.last is not None for page in pages)

    await until(begun)


async def _said(house: House) -> dict[str, list[int]]:
    async with house.notifier.database.reading() as tx:
        rows = await tx.fetch(
            """
            SELECT addressee, array_agg(id ORDER BY id) AS ids
              FROM notice
             WHERE audience = 'visit' AND topic = 'appointment.delayed'
             GROUP BY addressee
            """
        )
    return {row["addressee"]: row["ids"] for row in rows}
