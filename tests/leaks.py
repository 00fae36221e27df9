"""What a test leaves behind fails that test, and not the one in which it is collected.

The loop of the run is asked what it opens, and in whose context: a task, connection or
server that came out of a test's own context and is still there after the test's fixtures
have ended is a leak of that test. What a fixture of a wider scope opens belongs to it, also
when a test is what makes it open it: it was made in another context.

Connections of HTTP clients and database pools are not looked at: a pool of a wider scope
opens them when a test needs one more, and keeps them. A forgotten pool warns of itself.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psutil
import pytest

LOOK_EVERY = 0.01  # seconds
LOOKS = 500  # for what is ending already
OPENERS = (
    "create_connection",
    "create_unix_connection",
    "create_datagram_endpoint",
    "create_server",
    "create_unix_server",
    "subprocess_exec",
    "subprocess_shell",
)
POOLED = ("aiohttp", "asyncpg")  # see above

Opened = asyncio.Task[Any] | asyncio.BaseTransport | asyncio.Server
_test: ContextVar[str | None] = ContextVar("test", default=None)


@contextmanager
def of_this_run() -> Iterator[None]:
    """What is opened in here is no test's own: whoever made it ends it later."""
    token = _test.set(None)
    try:
        yield
    finally:
        _test.reset(token)


@contextmanager
def in_the_name_of(test: str) -> Iterator[None]:
    token = _test.set(test)
    try:
        yield
    finally:
        _test.reset(token)


class Ledger:
    """All that the loop has opened for a test and that may still be open."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._opened: WeakKeyDictionary[Opened, str] = WeakKeyDictionary()
        self._with_kafka: set[str] = set()
        loop.set_task_factory(self._task)
        for name in OPENERS:
            setattr(loop, name, self._noting(getattr(loop, name)))

    def left_by(self, test: str) -> list[str]:
        """Each thing in words."""
        return sorted(
            _words(each)
            for each, whose in list(self._opened.items())
            if whose == test and each is not asyncio.current_task() and _is_open(each)
        )

    async def settled(self, test: str) -> list[str]:
        """The same, when what is ending already has had the time to end."""
        for _ in range(LOOKS):
            if not self.left_by(test):
                break
            await asyncio.sleep(LOOK_EVERY)
        if test in self._with_kafka:
            # One that was forgotten half open warns when it is collected: now, and not
            # in another test.
            gc.collect()
        return self.left_by(test)

    def _note(self, opened: Opened) -> None:
        if (test := _test.get()) is None:
            return
        self._opened[opened] = test
        if _protocol(opened).startswith("aiokafka"):
            self._with_kafka.add(test)

    def _task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        context = options.get("context")
        context.run(self._note, task) if context else self._note(task)
        return task

    def _noting(self, opener: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(opener)
        async def open_and_note(*given: Any, **options: Any) -> Any:
            result = await opener(*given, **options)
            self._note(result[0] if isinstance(result, tuple) else result)
            return result

        return open_and_note


def children() -> dict[int, str]:
    """The processes that we started and that still run, by id."""
    own = Path("/proc/self/task")
    listed = (each.joinpath("children") for each in own.iterdir())
    ids = [int(one) for each in listed for one in each.read_text().split()]
    return {one: _command(one) for one in ids}


class Processes:
    """Those that fixtures of the whole run have started. A plugin of pytest."""

    def __init__(self) -> None:
        self._of_the_run: set[int] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Iterator[None]:
        if fixturedef.scope != "session":
            return (yield)
        before = children().keys()
        try:
            return (yield)
        finally:
            self._of_the_run |= children().keys() - before

    def left_since(self, before: dict[int, str]) -> list[str]:
        """What a module has started and not ended, by its command."""
        kept = before.keys() | self._of_the_run
        return [what for one, what in children().items() if one not in kept and what]


def _command(process: int) -> str:
    try:
        found = psutil.Process(process)
        return (
            "" if found.status() == psutil.STATUS_ZOMBIE else " ".join(found.cmdline())
        )
    except psutil.NoSuchProcess:
        return ""


def _is_open(opened: Opened) -> bool:
    match opened:
        case asyncio.Task():
            return not opened.done()
        case asyncio.Server():
            return opened.is_serving()
        case asyncio.SubprocessTransport():
            return opened.get_returncode() is None
    return not opened.is_closing() and not _protocol(opened).startswith(POOLED)


def _protocol(opened: Opened) -> str:
    """The package that speaks on a connection."""
    if not isinstance(opened, asyncio.Transport):
        return ""
    return type(opened.get_protocol()).__module__


def _words(opened: Opened) -> str:
    match opened:
        case asyncio.Task():
            return f"task {opened.get_coro()!r}"
        case asyncio.Server():
            return f"server {[each.getsockname() for each in opened.sockets]}"
        case asyncio.SubprocessTransport():
            return f"process {opened.get_pid()}"
    return f"connection to {opened.get_extra_info('peername')} ({opened!r})"
