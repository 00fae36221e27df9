"""The services as processes of their own, which may be stopped, killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev import programs
from tests.journeys.suite import until

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # many processes may be starting


@dataclass
class ServiceProcess:
    """One instance of a service; it keeps its ports."""

    service: str
    environment: Mapping[str, str]
    port: int = field(default_factory=programs.free_port)
    ops_port: int = field(default_factory=programs.free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"services.{self.service}",
            cwd=ROOT,
            env={
                **os.environ,
                **self.environment,
                "PORT": str(self.port),
                "OPS_PORT": str(self.ops_port),
            },
            stdout=asyncio.subprocess.DEVNULL,
        )

        async def ready() -> bool | None:
            assert self.process
            assert self.process.returncode is None, f"{self.service} has ended"
            return await programs.listens(self.port) or None

        await until(ready, f"{self.service} listens", PATIENCE)

    async def end(self, sign: signal.Signals) -> None:
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(sign)
        await self.process.wait()

    async def kill(self) -> None:
        """As a power cut would."""
        await self.end(signal.SIGKILL)


@asynccontextmanager
async def running(processes: Iterable[ServiceProcess]) -> AsyncIterator[None]:
    """All of them, until the block is left."""
    everyone = list(processes)
    try:
        async with asyncio.TaskGroup() as all_at_once:
            for each in everyone:
                all_at_once.create_task(each.start())
        yield
    finally:
        for each in everyone:
            if each.process is not None:
                await each.kill()
