"""Background tasks: whatever ends one, it is started again until the service stops.

Each run is a child task of its own. Its end can be read without asking the loop who was
cancelled: on Python 3.11 and 3.12 a failed `TaskGroup` leaves `Task.cancelling()` at 1
(python/cpython#116720), and a library may cancel the task that it runs in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import SystemRandom

from chassis.logs import Log, leaves, trouble
from chassis.metrics import TASK_RESTARTS, TASK_UP
from chassis.refusal import Unavailable
from chassis.waiting import ended

Work = Callable[[], Awaitable[object]]
STOP_SECONDS = 60.0  # more than the longest letter or message under way takes
DOUBLINGS = 16  # no pause is longer than that many make it


class Cause(StrEnum):
    """Why a run ended."""

    CRASHED = "crashed"
    RETURNED = "returned"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Task:
    """What runs as long as the service does, under a name that operators read."""

    name: str
    work: Work
    needed: bool = True
    """Without it the instance is of no use, so `/ready` says no when it keeps crashing."""


def upkeep(name: str, work: Work) -> Task:
    """A task that requests can do without: it tidies, or measures."""
    return Task(name, work, needed=False)


def every(seconds: float, *deeds: Callable[[], Awaitable[object]]) -> Work:
    """Does these, in this order, at once and then this often. One that fails stops no
    other; then the round raises what they raised."""

    async def doing() -> None:
        while True:
            failed = [error for deed in deeds if (error := await _tried(deed))]
            if failed:
                raise ExceptionGroup("Not all was done.", failed)
            await asyncio.sleep(seconds)

    return doing


async def _tried(deed: Callable[[], Awaitable[object]]) -> Exception | None:
    try:
        await deed()
    except Exception as error:  # noqa: BLE001 - raised when the others have had their turn
        return error
    return None


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: how a task that ends is started again, and when that counts as down."""

    first: float = 0.5
    most: float = 30.0
    most_unavailable: float = 5.0
    healthy: float = 30.0
    grace: float = 20.0

    def pause(self, in_a_row: int, cause: Cause, chance: float) -> float:
        """Doubles with each end in a row; `chance` (0 to 1) takes up to half away."""
        most = self.most_unavailable if cause is Cause.UNAVAILABLE else self.most
        doubled = self.first * 2.0 ** min(in_a_row - 1, DOUBLINGS)
        return min(most, doubled) * (1 - chance / 2)


@dataclass(frozen=True, slots=True)
class Record:
    """How a task has fared since it last ran for a healthy while."""

    in_a_row: int = 0
    crashing_from: float | None = None
    crashing_until: float = 0.0

    def ended(self, cause: Cause, at: float) -> "Record":
        """Waiting for what does not answer is no crash, and ends a row of them."""
        if cause is Cause.UNAVAILABLE:
            return Record(self.in_a_row + 1)
        since = at if self.crashing_from is None else self.crashing_from
        return Record(self.in_a_row + 1, since, at)

    def is_failing(self, grace: float) -> bool:
        """It has crashed, and has crashed again after the grace."""
        if self.crashing_from is None:
            return False
        return self.crashing_until - self.crashing_from >= grace


class Background:
    """One task, kept running."""

    def __init__(
        self,
        service: str,
        task: Task,
        log: Log,
        pace: Pace | None = None,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.task = task
        self.pace = pace or Pace()
        self._log = log.bind(task=task.name)
        self._chance = chance or SystemRandom().random
        self._record = Record()
        self._up = TASK_UP.labels(service, task.name)
        self._restarts = {
            cause: TASK_RESTARTS.labels(service, task.name, cause) for cause in Cause
        }

    @property
    def is_failing(self) -> bool:
        """It keeps crashing, and has for longer than the grace."""
        return self._record.is_failing(self.pace.grace)

    async def run(self) -> None:
        """Until cancelled, and then until what the task had begun is finished."""
        self._up.set(1)
        try:
            while True:
                ended = await self._run_once()
                await asyncio.sleep(self._note(ended))
        finally:
            self._up.set(0)

    async def _run_once(self) -> BaseException | None:
        """What it raised; nothing when it returned."""
        run = asyncio.create_task(self._begun(), name=self.task.name)
        try:
            if not await _is_over(run, self.pace.healthy):
                self._record = Record()
                self._up.set(1)
                await asyncio.wait({run})
        except asyncio.CancelledError:
            await self._stopped(run)
            raise
        return _raised(run)

    async def _begun(self) -> None:
        await self.task.work()

    async def _stopped(self, run: "asyncio.Task[None]") -> None:
        run.cancel()
        if not await ended(run, STOP_SECONDS):
            self._log.error("Background task does not stop; left behind.")
            return
        error = _raised(run)
        if error and not isinstance(error, asyncio.CancelledError):
            self._log.error("Background task failed while stopping.", **trouble(error))

    def _note(self, ended: BaseException | None) -> float:
        """Say that it has ended; how long to wait before it starts again."""
        cause = _cause(ended)
        self._record = self._record.ended(cause, asyncio.get_running_loop().time())
        self._up.set(0)
        self._restarts[cause].inc()
        in_a_row = self._record.in_a_row
        pause = self.pace.pause(in_a_row, cause, self._chance())
        told = {"in_a_row": in_a_row, "pause": round(pause, 2)}
        if ended is not None:
            told |= trouble(ended)
        if cause is Cause.UNAVAILABLE:
            self._log.warning("Background task waits for a dependency.", **told)
        elif cause is Cause.RETURNED:
            self._log.error("Background task returned; restarting.", **told)
        else:
            self._log.error("Background task crashed; restarting.", **told)
        return pause


def failing(tasks: Sequence[Background]) -> Iterator[str]:
    """The names of the needed tasks that keep crashing."""
    return (each.task.name for each in tasks if each.task.needed and each.is_failing)


async def _is_over(run: "asyncio.Task[None]", seconds: float) -> bool:
    done, _ = await asyncio.wait({run}, timeout=seconds)
    return bool(done)


def _raised(run: "asyncio.Task[None]") -> BaseException | None:
    return asyncio.CancelledError() if run.cancelled() else run.exception()


def _cause(ended: BaseException | None) -> Cause:
    if ended is None:
        return Cause.RETURNED
    if all(isinstance(each, Unavailable) for each in leaves(ended)):
        return Cause.UNAVAILABLE
    return Cause.CRASHED
