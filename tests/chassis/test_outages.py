"""What a real PostgreSQL says while it is away, full, read-only or closed to us, and that
everything goes on afterwards."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database, Reader
from chassis.refusal import Contended, Unavailable
from dev import postgres as postgreses
from tests.chassis.kafka import until

SAID = "INSERT INTO inbox (source, event_id) VALUES ('a', gen_random_uuid()::text)"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own() -> AsyncIterator[postgreses.Server]:
    """A server of our own: what happens to it must not happen to other tests."""
    async with postgreses.server() as server:
        yield server


async def _write(database: Database) -> None:
    async with database.writing() as tx:
        await tx.execute(SAID)


async def _read(database: Database) -> int:
    async with database.reading() as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM inbox")
        return count


async def _writes_again(database: Database) -> None:
    async def writes() -> bool:
        try:
            await _write(database)
        except Unavailable:
            return False
        return True

    await until(writes)


async def _as_admin(url: str, *statements: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


def _parts(url: str) -> tuple[str, str]:
    """The role and the database of an address."""
    parts = urlsplit(url)
    return str(parts.username), parts.path[1:]


# Read-only


def _read_only(url: str, on: str) -> tuple[str, ...]:
    """The last one is for a session that was begun while it was on."""
    role, name = _parts(url)
    change = f'ALTER ROLE "{role}" IN DATABASE "{name}" SET default_transaction_read_only = {on}'
    return ("SET default_transaction_read_only = off", change)


async def test_a_server_that_has_become_read_only_is_away_and_is_read_from(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    await _as_admin(postgres.admin, *_read_only(lobby, "on"))
    await _cut(postgres, lobby)
    await _away(lambda: _write(room))
    assert await _read(room) == 0
    await _as_admin(postgres.admin, *_read_only(lobby, "off"))
    await _writes_again(room)


async def test_connections_to_a_server_that_only_reads_are_not_kept(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    """They were begun while it was read-only, and stay so: a new one is another server."""
    await _as_admin(postgres.admin, *_read_only(lobby, "on"))
    await _cut(postgres, lobby)
    await _read_when_back(room)
    async with AsyncExitStack() as many:
        for _ in range(4):
            tx = await many.enter_async_context(room.reading())
            assert await tx.fetchval("SHOW transaction_read_only") == "on"
    await _as_admin(postgres.admin, *_read_only(lobby, "off"))
    await _away(lambda: _write(room))  # the one connection that says it
    for _ in range(8):
        await _write(room)


async def test_writing_by_the_readers_door_is_our_mistake(room: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with room.reading() as tx:
            await tx.fetch(SAID)


async def test_of_two_servers_the_one_that_can_be_written_to_is_taken(
    own: postgreses.Server, postgres: postgreses.Server
) -> None:
    """And after a fail-over the other, though it was the first that was named."""
    role = "CREATE ROLE twin LOGIN PASSWORD 'twin'"
    made = ("CREATE DATABASE twin OWNER twin",)
    servers = own.admin, postgres.admin
    places = [urlsplit(each).netloc.rpartition("@")[2] for each in servers]
    for each in servers:
        await _as_admin(each, role, *made)
    url = f"postgresql://twin:twin@{','.join(places)}/twin"
    database = Database(SecretStr(url), "public")

    async def serves(tx: Reader) -> str:
        return f"127.0.0.1:{await tx.fetchval('SHOW port')}"

    async def writer() -> str:
        async with database.writing() as tx:
            await tx.execute("CREATE TABLE IF NOT EXISTS written (at int)")
            return await serves(tx)

    try:
        await _as_admin(own.admin, *_twin("on"))
        await database.open()
        assert await writer() == places[1]
        await _as_admin(own.admin, *_twin("off"))
        await _as_admin(postgres.admin, *_twin("on"), _END.format("twin"))

        async def moved() -> bool:
            try:
                return await writer() == places[0]
            except Unavailable:
                return False

        await until(moved)
    finally:
        await database.close()
        for each in servers:
            await _as_admin(each, "DROP DATABASE twin (FORCE)", "DROP ROLE twin")


def _twin(on: str) -> tuple[str, ...]:
    return (f"ALTER DATABASE twin SET default_transaction_read_only = {on}",)


# Logins and connections


_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


async def _cut(postgres: postgreses.Server, url: str) -> None:
    """What an operator does, or a fail-over: every session of this database ends."""
    await _as_admin(postgres.admin, _END.format(_parts(url)[1]))


async def _away(act: Callable[[], Awaitable[object]]) -> None:
    """It says `Unavailable`, perhaps a few times in different words, and nothing else."""
    with pytest.raises(Unavailable):
        await act()


async def test_sessions_that_are_ended_are_away_and_come_back(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    await _write(room)
    for _ in range(3):
        async with room.writing() as tx:
            await tx.execute(SAID)
        await _cut(postgres, lobby)
        await _writes_again(room)


async def test_a_session_that_is_ended_amid_a_transaction_is_away(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    async def is_cut() -> None:
        async with room.writing() as tx:
            await tx.execute(SAID)
            await _cut(postgres, lobby)
            await tx.execute(SAID)

    await _away(is_cut)
    assert await _read_when_back(room) == 0


async def _read_when_back(room: Database) -> int:
    counted: list[int] = []

    async def reads() -> bool:
        try:
            counted.append(await _read(room))
        except Unavailable:
            return False
        return True

    await until(reads)
    return counted[-1]


async def test_a_password_that_is_changed_under_a_pool_is_away_until_it_fits_again(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    role, _ = _parts(lobby)
    password = urlsplit(lobby).password
    await _as_admin(postgres.admin, f"ALTER ROLE \"{role}\" PASSWORD 'another'")
    await _cut(postgres, lobby)
    for _ in range(3):
        await _away(lambda: _write(room))
    async with _listening_is_away(room):
        pass
    await _as_admin(postgres.admin, f"ALTER ROLE \"{role}\" PASSWORD '{password}'")
    await _writes_again(room)


@asynccontextmanager
async def _listening_is_away(room: Database) -> AsyncIterator[None]:
    with pytest.raises(Unavailable):
        async with room.listening("news", lambda _: None):
            pass
    yield


async def test_a_role_that_may_not_log_in_is_away(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    role, _ = _parts(lobby)
    await _as_admin(postgres.admin, f'ALTER ROLE "{role}" NOLOGIN')
    await _cut(postgres, lobby)
    for _ in range(3):
        await _away(lambda: _write(room))
    await _as_admin(postgres.admin, f'ALTER ROLE "{role}" LOGIN')
    await _writes_again(room)


async def test_too_many_connections_are_away_until_there_is_room(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    role, _ = _parts(lobby)
    await _as_admin(postgres.admin, f'ALTER ROLE "{role}" CONNECTION LIMIT 0')
    await _cut(postgres, lobby)
    for _ in range(3):
        await _away(lambda: _write(room))
    await _as_admin(postgres.admin, f'ALTER ROLE "{role}" CONNECTION LIMIT -1')
    await _writes_again(room)


async def test_a_database_that_takes_no_connections_is_away(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    _, name = _parts(lobby)
    await _as_admin(postgres.admin, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await _cut(postgres, lobby)
    for _ in range(3):
        await _away(lambda: _write(room))
    await _as_admin(postgres.admin, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await _writes_again(room)


async def test_a_name_that_cannot_be_looked_up_is_away(lobby: str) -> None:
    parts = urlsplit(lobby)
    login = parts.netloc.rpartition("@")[0]
    nowhere = parts._replace(netloc=f"{login}@nowhere.invalid:5432")
    database = Database(SecretStr(urlunsplit(nowhere)), "lobby")
    async with _listening_is_away(database):
        pass


async def test_a_server_without_tls_is_away_when_tls_is_asked_for(lobby: str) -> None:
    database = Database(SecretStr(f"{lobby}?sslmode=require"), "lobby")
    async with _listening_is_away(database):
        pass


async def test_a_pool_that_is_closing_is_away(room: Database) -> None:
    """A request that comes while the service stops."""
    async with AsyncExitStack() as held:
        await held.enter_async_context(room.reading())
        closing = asyncio.create_task(room.close())
        await asyncio.sleep(0)
        await _away(lambda: _read(room))
    await closing
    await _away(lambda: _read(room))


# A whole server


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_stops_and_starts_is_away_meanwhile(
    sign: signal.Signals,
) -> None:
    """SIGINT ends sessions (57P01), SIGQUIT is a crash (57P02)."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(postgreses.stoppable())
        made = await stack.enter_async_context(postgreses.fresh_database(server.admin))
        room = Database(SecretStr(made.services["lobby"]), "lobby")
        await room.open()
        stack.push_async_callback(room.close)
        async with room.writing() as tx:
            await tx.execute("CREATE TABLE inbox (source text, event_id text)")
        await server.stop(sign)
        for _ in range(3):
            await _away(lambda: _write(room))
        await server.start()
        await _writes_again(room)
        assert await _read(room) == 1


# Two that meet


async def test_a_deadlock_is_to_be_tried_again_at_once(room: Database) -> None:
    async with room.writing() as tx:
        await tx.execute("CREATE TABLE pair (id int); INSERT INTO pair VALUES (1), (2)")
    both = asyncio.Barrier(2)

    async def hold(first: int, second: int) -> None:
        async with room.writing() as tx:
            await tx.execute("SELECT FROM pair WHERE id = $1 FOR UPDATE", first)
            await both.wait()
            await tx.execute("SELECT FROM pair WHERE id = $1 FOR UPDATE", second)

    said = await asyncio.gather(hold(1, 2), hold(2, 1), return_exceptions=True)
    assert sorted(type(each).__name__ for each in said) == ["Contended", "NoneType"]


async def test_a_serialization_failure_is_to_be_tried_again_at_once(
    room: Database,
) -> None:
    async with room.writing() as tx:
        await tx.execute("CREATE TABLE pair (id int); INSERT INTO pair VALUES (1)")

    async def meet() -> None:
        async with room.writing() as tx:
            await tx.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            await tx.fetch("SELECT id FROM pair")
            async with room.writing() as other:
                await other.execute("UPDATE pair SET id = 2")
            await tx.execute("UPDATE pair SET id = 3")

    with pytest.raises(Contended):
        await meet()


async def test_a_lock_that_is_not_had_in_time_and_a_statement_cut_short_are_away(
    room: Database,
) -> None:
    async def waits(limit: str) -> None:
        async with room.writing() as tx:
            await tx.execute(f"SET LOCAL {limit} = '20ms'")
            await tx.execute("LOCK TABLE inbox")

    async with room.writing() as tx:
        await tx.execute("LOCK TABLE inbox")
        await _away(lambda: waits("lock_timeout"))
        await _away(lambda: waits("statement_timeout"))
        await _away(lambda: waits("transaction_timeout"))


async def test_a_transaction_that_idles_too_long_is_away(room: Database) -> None:
    async def idles() -> None:
        async with room.writing() as tx:
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
            await asyncio.sleep(0.5)
            await tx.execute(SAID)

    await _away(idles)
    await _writes_again(room)


async def test_a_statement_prepared_before_a_migration_is_to_be_tried_again(
    room: Database,
) -> None:
    """An old version beside a new one, in the minute of a roll-out."""
    async with room.writing() as tx:
        await tx.execute("CREATE TABLE chair (id int)")

    async def look() -> None:
        async with room.writing() as tx:
            await tx.execute("SELECT 1")
            await tx.fetch("SELECT * FROM chair")

    await look()
    async with room.writing() as tx:
        await tx.execute("ALTER TABLE chair ADD COLUMN leg int")
    with pytest.raises(Contended):
        await look()
    await look()


# The schema is not as we need it


async def test_a_table_that_is_not_there_or_not_ours_is_waited_for(
    room: Database, postgres: postgreses.Server, lobby: str
) -> None:
    role, name = _parts(lobby)
    admin = urlunsplit(urlsplit(postgres.admin)._replace(path=f"/{name}"))
    await _as_admin(admin, "ALTER TABLE lobby.inbox RENAME TO elsewhere")
    await _away(lambda: _write(room))
    await _as_admin(admin, "ALTER TABLE lobby.elsewhere RENAME TO inbox")
    await _write(room)
    await _as_admin(admin, "ALTER TABLE lobby.inbox OWNER TO postgres")
    await _away(lambda: _write(room))
    await _as_admin(admin, f'ALTER TABLE lobby.inbox OWNER TO "{role}"')
    await _write(room)


@pytest.mark.parametrize(
    "wrong",
    [
        "SELECT 1/0",
        "INSERT INTO inbox (source, event_id) VALUES (NULL, 'b')",
        "INSERT INTO inbox (source, event_id) VALUES ('a', 'b'), ('a', 'b')",
        "SELEKT",
        "SELECT repeat('x', 1100000000)",
    ],
)
async def test_what_is_wrong_with_the_event_itself_is_not_waited_for(
    room: Database, wrong: str
) -> None:
    with pytest.raises(asyncpg.PostgresError):
        async with room.writing() as tx:
            await tx.execute(wrong)
