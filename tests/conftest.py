"""What every test may ask for: the real servers, and a database of its own."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from dev import kafka as kafkas
from dev import postgres as postgreses
from tests import leaks, servers, side_by_side

PROCESSES = pytest.StashKey[leaks.Processes]()
HANGS_AFTER = 300.0  # no test needs as long; the others still get their turn


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PROCESSES] = leaks.Processes()
    config.pluginmanager.register(config.stash[PROCESSES])


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = ended_if_it_hangs(item.obj)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not side_by_side.is_alone(item.nodeid))


def ended_if_it_hangs(test: Callable[..., Awaitable[None]]) -> Callable[..., object]:
    """It is cancelled, so that it says where it stood and lets go of what it holds."""

    @functools.wraps(test)
    async def bounded(*given: object, **named: object) -> None:
        async with asyncio.timeout(HANGS_AFTER):
            await test(*given, **named)

    return bounded


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """CI skips nothing: what a test needs is installed by `dev/machine.sh`."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and servers.in_ci():
        report.outcome = "failed"
    return report


def pytest_report_header() -> list[str]:
    return servers.header()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Any
) -> side_by_side.Schedule:
    config.option.loadscopereorder = False
    return side_by_side.Schedule(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    servers.note(*node.workeroutput.get("servers", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["servers"] = servers.used()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in servers.used():
        terminalreporter.write_line(f"ran on {line}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[postgreses.Server]:
    """One PostgreSQL for the whole run."""
    async with servers.postgres() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres: postgreses.Server) -> AsyncIterator[postgreses.Database]:
    """A database with each service's empty room, for one module of tests."""
    async with postgreses.fresh_database(postgres.admin) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka() -> AsyncIterator[kafkas.Cluster]:
    """One Kafka for the whole run; topics are made by `create_topics`."""
    async with servers.kafka() as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="session", autouse=True, loop_scope="session")
async def ledger() -> leaks.Ledger:
    """What the run's loop opens, and for which test."""
    return leaks.Ledger(asyncio.get_running_loop())


@pytest.fixture(scope="module", autouse=True)
def no_process_is_left(pytestconfig: pytest.Config) -> Iterator[None]:
    """No process outlives the module that started it."""
    before = leaks.children()
    yield
    left = pytestconfig.stash[PROCESSES].left_since(before)
    assert not left, "left running:\n" + "\n".join(left)


@pytest.fixture(autouse=True)
def this_test(request: pytest.FixtureRequest) -> Iterator[str]:
    """Its name. Whatever is opened from here on is this test's."""
    with leaks.in_the_name_of(request.node.nodeid):
        yield request.node.nodeid


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_is_left(ledger: leaks.Ledger, this_test: str) -> AsyncIterator[None]:
    """No task, connection or server outlives the test that opened it."""
    yield
    left = await ledger.settled(this_test)
    assert not left, "left behind:\n" + "\n".join(left)
