"""PostgreSQL, through two doors: one that only reads, one that may change things."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import asyncpg
import stamina
from pydantic import SecretStr

from chassis.refusal import Unavailable

ACQUIRE_SECONDS = 3.0
COMMAND_SECONDS = 10.0

OUTAGES = (
    OSError,  # TimeoutError is one
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
)


class Reader(Protocol):
    async def fetchrow(self, query: str, *args: object) -> Any: ...
    async def fetch(self, query: str, *args: object) -> Any: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...


class Writer(Reader, Protocol):
    async def execute(self, query: str, *args: object) -> str: ...
    async def executemany(self, query: str, args: Any) -> None: ...


class Database:
    """One service's schema, reached with its own role.

    Both doors raise `Unavailable` when the server does not answer in time.
    """

    def __init__(self, url: SecretStr, schema: str, size: int = 8) -> None:
        self.schema = schema
        self._url = url
        self._size = size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Waits for the server as long as it takes."""
        async for attempt in stamina.retry_context(
            on=OUTAGES, attempts=None, timeout=None, wait_initial=0.1, wait_max=5
        ):
            with attempt:
                self._pool = await asyncpg.create_pool(
                    self._url.get_secret_value(),
                    min_size=1,
                    max_size=self._size,
                    command_timeout=COMMAND_SECONDS,
                    server_settings=self._manners("pool"),
                )

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(COMMAND_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        async with self._answering() as conn, conn.transaction(readonly=True):
            yield conn

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writer]:
        async with self._answering() as conn, conn.transaction():
            yield conn

    @asynccontextmanager
    async def listening(
        self, channel: str, heard: Callable[[str], None]
    ) -> AsyncIterator[Writer]:
        """A connection of its own that hears NOTIFY; off the pool, so it may stay."""
        try:
            conn = await asyncpg.connect(
                self._url.get_secret_value(),
                command_timeout=COMMAND_SECONDS,
                server_settings=self._manners(channel),
            )
        except OUTAGES as away:
            raise Unavailable("The database does not answer.") from away
        try:
            conn.add_termination_listener(lambda _: heard(""))
            await conn.add_listener(channel, lambda *said: heard(str(said[3])))
            with _answered(conn):
                yield conn
        finally:
            conn.terminate()

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise Unavailable("The database is not open.")
        try:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as conn:
                with _answered(conn):
                    yield conn
        except OUTAGES as away:
            raise Unavailable("The database does not answer.") from away

    def _manners(self, purpose: str) -> dict[str, str]:
        return {
            "search_path": self.schema,
            "application_name": f"{self.schema} {purpose}",
            "timezone": "UTC",
        }


@contextmanager
def _answered(conn: Any) -> Iterator[None]:
    """The driver says InterfaceError of a lost connection, and of our own mistakes."""
    try:
        yield
    except OUTAGES as away:
        raise Unavailable("The database does not answer.") from away
    except asyncpg.InterfaceError as wrong:
        if not _gone(conn):
            raise
        raise Unavailable("The database does not answer.") from wrong


def _gone(conn: Any) -> bool:
    try:
        return bool(conn.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it back already
        return True
