"""Tasks that live and fall together: whoever owns them hears of the first that falls."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka.errors import KafkaError

Task = asyncio.Task[None]


class Ended(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """A task was cancelled, and not by its owner."""


class Tied:
    def __init__(self) -> None:
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def own(self, work: Coroutine[Any, Any, None]) -> Task:
        task = asyncio.create_task(work)
        task.add_done_callback(self._fell)
        return task

    def free(self, task: Task) -> None:
        """Its end is no fall: we bring it about ourselves."""
        task.remove_done_callback(self._fell)

    async def fall(self) -> None:
        """Raises what the first of them raised."""
        await self._broken

    def _fell(self, task: Task) -> None:
        error = Ended() if task.cancelled() else task.exception()
        if error is not None and not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # taken note of: we may just be leaving


async def cancelled(tasks: Iterable[Task]) -> None:
    """Have them end, and wait until they have."""
    tasks = set(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # taken note of: it has nobody to tell any more
