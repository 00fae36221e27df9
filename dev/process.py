"""A service as a process of its own, which may be stopped, killed and started again."""

import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from dev import programs

ROOT = Path(__file__).parent.parent
READY_WITHIN = 60


class Process:
    """`url` is where it answers browsers; what it logs is kept until the end."""

    def __init__(
        self, service: str, environment: Mapping[str, str], home: Path
    ) -> None:
        self._port, self._ops = programs.free_port(), programs.free_port()
        self._environment = {
            **environment,
            "PORT": str(self._port),
            "OPS_PORT": str(self._ops),
            "PYTHONPATH": str(ROOT),
        }
        self._command = [sys.executable, "-m", f"services.{service}"]
        self._log = home / "log"
        self._program: programs.Program | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.operations = f"http://127.0.0.1:{self._ops}"

    @property
    def pid(self) -> int:
        return self._running().process.pid

    async def start(self) -> None:
        """Returns when it is open."""
        program = programs.start(
            self._command, self._log, environment=self._environment
        )
        self._program = program
        await programs.until(
            lambda: programs.listens(self._port), program, READY_WITHIN
        )

    async def stop(self) -> None:
        """Ask it to end, as operations would."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def _end(self, sign: signal.Signals) -> None:
        if self._program is not None:
            program, self._program = self._program, None
            await program.end(sign)

    def _running(self) -> programs.Program:
        if self._program is None:
            raise programs.ProgramFailed("This service is not running.")
        return self._program


@asynccontextmanager
async def running(
    service: str, environment: Mapping[str, str]
) -> AsyncIterator[Process]:
    """This service, told what its settings should be; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix=f"videomottagning-{service}-") as home:
        made = Process(service, environment, Path(home))
        await made.start()
        try:
            yield made
        finally:
            await made.stop()
