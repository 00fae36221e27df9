"""Programs that others wrote, started and ended by us."""

import asyncio
import itertools
import os
import random
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAUSE = 0.05  # seconds between two looks at a program that is starting
LAST_LINES = 20
PORTS = range(20_000, 32_000)
SLICES = 20  # of them; a process takes its ports from one


class ProgramFailed(Exception):
    """A program ended, or was not ready in time; the end of its log is quoted."""


@dataclass(frozen=True)
class Program:
    """One running program; what it prints goes to `log`."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def send(self, sign: signal.Signals) -> None:
        self.process.send_signal(sign)

    async def end(
        self, sign: signal.Signals = signal.SIGTERM, seconds: float = 10
    ) -> bool:
        """Ask with `sign`, and kill what has not ended so much later; whether it had."""
        self.send(sign)
        try:
            await asyncio.to_thread(self.process.wait, seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)
            return False
        return True

    def complaint(self) -> ProgramFailed:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return ProgramFailed("\n".join(["The program failed; its last words:", *lines]))


def start(
    command: Sequence[str],
    log: Path,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Program:
    """Start in a session of its own, so that a Ctrl-C here does not end it first.

    `environment` is added to ours.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            user=user,
            group=None if user is None else _group_of(user),
            extra_groups=None if user is None else [],
        )
    return Program(process, log)


async def run(command: Sequence[str], log: Path, user: str | None = None) -> None:
    """Run to the end; ProgramFailed unless it ends well."""
    program = start(command, log, user)
    if await asyncio.to_thread(program.process.wait):
        raise program.complaint()


async def until(
    ready: Callable[[], Awaitable[bool]], program: Program, seconds: float
) -> None:
    """Ask `ready` again and again; ProgramFailed when the program ends or is late."""
    try:
        async with asyncio.timeout(seconds):
            while not await ready():
                if not program.running:
                    raise program.complaint()
                await asyncio.sleep(PAUSE)
    except TimeoutError as late:
        raise program.complaint() from late


async def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def free_port() -> int:
    """A port that nobody listens on, and that this process was not given before.

    Below those that systems give to outgoing connections, so that a server that is
    stopped for a while finds its port still free. Processes that run beside each other
    mostly choose among different ports: whoever asks binds a while later.
    """
    for port in itertools.islice(_ports(), len(PORTS) // SLICES):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ProgramFailed("There is no free port.")


@cache
def _ports() -> Iterator[int]:
    own = PORTS[os.getpid() % SLICES :: SLICES]
    return itertools.cycle(random.sample(own, len(own)))


def _group_of(user: str) -> int:
    import pwd  # noqa: PLC0415 - not on Windows, where nobody is root

    return pwd.getpwnam(user).pw_gid
