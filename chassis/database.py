"""PostgreSQL, through two doors: one that only reads, one that may change things."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import asyncpg
import stamina
from asyncpg.connect_utils import SessionAttribute
from pydantic import SecretStr

from chassis.logs import log
from chassis.metrics import DATABASE_UNAVAILABLE
from chassis.refusal import Contended, Unavailable
from chassis.sqlstate import READ_ONLY, SCHEMA, Verdict, verdict

ACQUIRE_SECONDS = 3.0
COMMAND_SECONDS = 10.0
SAY_EVERY = 10.0  # seconds: no more lines than that about one kind of trouble
RENEW_EVERY = 1.0  # seconds: a server that only reads is not asked more often

# What the network, TLS, a name server and a broken protocol raise. TimeoutError is an
# OSError; asyncpg's InternalClientError is none of a caller's making.
UNREACHED = (OSError, EOFError, asyncpg.InternalClientError)
# Prepared before a migration changed what it returns.
OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)


class Reader(Protocol):
    async def fetchrow(self, query: str, *args: object) -> Any: ...
    async def fetch(self, query: str, *args: object) -> Any: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...


class Writer(Reader, Protocol):
    async def execute(self, query: str, *args: object) -> str: ...
    async def executemany(self, query: str, args: Any) -> None: ...


class Database:
    """One service's schema, reached with its own role.

    Every door raises `Unavailable` when the server cannot serve now, and `Contended`
    when the same may be tried again at once (`chassis.sqlstate`).
    """

    def __init__(
        self,
        url: SecretStr,
        schema: str,
        size: int = 8,
        command_seconds: float = COMMAND_SECONDS,
    ) -> None:
        self.schema = schema
        self._url = url
        self._size = size
        self._command_seconds = command_seconds
        self._log = log(schema)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._said: dict[str, float] = {}
        self._renewed = 0.0

    async def open(self) -> None:
        """Waits for the server as long as it takes."""
        async for attempt in stamina.retry_context(
            on=_is_waited_for, attempts=None, timeout=None, wait_initial=0.1, wait_max=5
        ):
            with attempt:
                self._pool = await asyncpg.create_pool(
                    self._url.get_secret_value(),
                    min_size=1,
                    max_size=self._size,
                    command_timeout=self._command_seconds,
                    target_session_attrs=_target(self._url),
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
        """All that is asked is of one moment, whatever is written meanwhile."""
        # To write here is our mistake, whatever the server would let us do.
        async with (
            self._answering(faults=[READ_ONLY]) as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
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
        async with self._own(channel, self._command_seconds) as conn:
            conn.add_termination_listener(lambda _: heard(""))
            await conn.add_listener(channel, lambda *said: heard(str(said[3])))
            yield conn

    @asynccontextmanager
    async def migrating(
        self,
    ) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Writer]]]:
        """Begins transactions that may last, one after another, on one connection."""
        async with self._own("migration", None, faults=SCHEMA) as conn:

            @asynccontextmanager
            async def begin() -> AsyncIterator[Writer]:
                async with conn.transaction():
                    yield conn

            yield begin

    @asynccontextmanager
    async def _own(
        self, purpose: str, seconds: float | None, faults: Collection[str] = ()
    ) -> AsyncIterator[Any]:
        """A connection off the pool."""
        async with self._sorted(faults):
            conn = await asyncpg.connect(
                self._url.get_secret_value(),
                command_timeout=seconds,
                target_session_attrs=_target(self._url),
                server_settings=self._manners(purpose),
            )
        try:
            async with self._sorted(faults, conn):
                yield conn
        finally:
            conn.terminate()

    @asynccontextmanager
    async def _answering(self, faults: Collection[str] = ()) -> AsyncIterator[Any]:
        pool = self._pool
        if pool is None:
            raise Unavailable("The database is not open.")
        async with self._sorted(faults, pool):
            conn = await pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            async with self._sorted(faults, conn):
                yield conn
        finally:
            await _given_back(pool, conn)

    @asynccontextmanager
    async def _sorted(
        self, faults: Collection[str], conn: Any = None
    ) -> AsyncIterator[None]:
        """`faults`: codes that are our own mistake at this door, whatever the table says."""
        try:
            yield
        except Exception as error:
            judged = _judged(error, faults, conn)
            if judged is Verdict.FAULT:
                raise
            code = _code(error)
            self._tell(code, judged)
            if code == READ_ONLY:
                await self._connect_anew()
            if judged is Verdict.AGAIN:
                raise Contended("The transaction met another.") from error
            raise Unavailable("The database does not answer.") from error

    def _tell(self, code: str, judged: Verdict) -> None:
        DATABASE_UNAVAILABLE.labels(self.schema, code, judged).inc()
        at = asyncio.get_running_loop().time()
        if at - self._said.get(code, -SAY_EVERY) >= SAY_EVERY:
            self._said[code] = at
            self._log.warning("PostgreSQL did not serve us.", code=code, verdict=judged)

    async def _connect_anew(self) -> None:
        """A server that only reads may have been replaced, and keeps its connections."""
        at = asyncio.get_running_loop().time()
        if self._pool is not None and at - self._renewed >= RENEW_EVERY:
            self._renewed = at
            await self._pool.expire_connections()

    def _manners(self, purpose: str) -> dict[str, str]:
        return {
            "search_path": self.schema,
            "application_name": f"{self.schema} {purpose}",
            "timezone": "UTC",
        }


async def _given_back(pool: Any, conn: Any) -> None:
    """What is done is done, also when the connection breaks just then: the pool drops it."""
    try:
        await pool.release(conn)
    except Exception as error:
        if _judged(error, conn=conn) is Verdict.FAULT:
            raise


def _is_waited_for(error: Exception) -> bool:
    return _judged(error) is not Verdict.FAULT


def _judged(
    error: Exception, faults: Collection[str] = (), conn: Any = None
) -> Verdict:
    if isinstance(error, OUTDATED):
        return Verdict.AGAIN
    if isinstance(error, asyncpg.PostgresError):
        code = _code(error)
        return Verdict.FAULT if code in faults else verdict(code)
    if isinstance(error, UNREACHED):
        return Verdict.AWAY
    # The driver says InterfaceError of a lost connection, and of our own mistakes.
    if isinstance(error, asyncpg.InterfaceError) and _is_gone(conn):
        return Verdict.AWAY
    return Verdict.FAULT


def _code(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or type(error).__name__)


def _is_gone(conn: Any) -> bool:
    """A connection that is closed, or a pool that is closing."""
    if conn is None or isinstance(conn, asyncpg.Pool):
        return conn is not None
    try:
        return bool(conn.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it back already
        return True


def _target(url: SecretStr) -> SessionAttribute | None:
    """Of several servers, the one that may be written to, unless the address says else."""
    parts = urlsplit(url.get_secret_value())
    several = "," in parts.netloc.rpartition("@")[2]
    said = "target_session_attrs" in parse_qs(parts.query)
    return SessionAttribute.read_write if several and not said else None
