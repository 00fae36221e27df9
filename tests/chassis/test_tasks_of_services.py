"""Each background task of each service, as it is assembled, falls and gets up again.

Nothing here names a task: a new one is tried by being there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web
from prometheus_client import REGISTRY

from chassis.background import Background, Cause, Pace
from chassis.foundation import TASKS, in_the_way
from chassis.refusal import Unavailable
from contract.catalogue import SERVICES
from dev import postgres as postgreses
from dev.programs import free_port
from dev.suite import Surroundings, assembled
from tests.chassis.falls import FALLS, Fall
from tests.chassis.kafka import until

A_MOMENT = 0.05  # seconds in which a task gets to work before it falls
QUICK = Pace(first=0.001, most=0.001, most_unavailable=0.01, healthy=0.3)
SOON = 30
NOWHERE = "127.0.0.1:1"
each_service = pytest.mark.parametrize("service", SERVICES)


class Stumbling:
    """The work of a task, which falls in each of these ways before it is let be."""

    def __init__(
        self, work: Callable[[], Awaitable[object]], falls: Sequence[Fall]
    ) -> None:
        self._work = work
        self._falls = list(falls)
        self.is_up = False

    async def work(self) -> None:
        if not self._falls:
            self.is_up = True
            await self._work()
            return
        fall = self._falls.pop()
        async with asyncio.TaskGroup() as group:
            begun = group.create_task(self._begun())
            await asyncio.sleep(A_MOMENT)
            try:
                await fall()
            finally:
                begun.cancel()

    async def _begun(self) -> None:
        with suppress(Unavailable):  # Kafka is away: it waits as before the fall
            await self._work()


@pytest_asyncio.fixture(loop_scope="session")
async def apps(database: postgreses.Database) -> Mapping[str, web.Application]:
    """With PostgreSQL, and with Kafka away, for which tasks only wait."""
    around = Surroundings(
        url="https://videomottagning.example",
        idp_url="https://idp.example",
        kafka=NOWHERE,
        smtp_url=f"smtp://{NOWHERE}",
        databases=database.services,
        more={"BOUNCE_LISTEN": f"127.0.0.1:{free_port()}"},
    )
    return assembled(around)


def ends(service: str, task: Background) -> float:
    """How often it has crashed or returned; waiting for Kafka is neither."""
    return sum(
        REGISTRY.get_sample_value(
            "chassis_task_restarts_total",
            {"service": service, "task": task.task.name, "cause": cause},
        )
        or 0.0
        for cause in (Cause.CRASHED, Cause.RETURNED)
    )


@each_service
async def test_each_task_gets_up_after_each_way_of_falling(
    service: str, apps: Mapping[str, web.Application]
) -> None:
    app = apps[service]
    stumbling = []
    for each in app[TASKS]:
        stumbles = Stumbling(each.task.work, list(FALLS.values()))
        stumbling.append(stumbles)
        each.task = replace(each.task, work=stumbles.work)
        each.pace = QUICK
    runner = web.AppRunner(app)
    await runner.setup()

    async def all_are_up() -> bool:
        return all(each.is_up for each in stumbling)

    await until(all_are_up)
    then = [ends(service, each) for each in app[TASKS]]
    await asyncio.sleep(QUICK.healthy)  # in which what was left behind would show
    assert [ends(service, each) for each in app[TASKS]] == then
    assert min(then) >= len(FALLS)
    assert in_the_way(app) == []
    ending = asyncio.create_task(runner.cleanup())
    ended, _ = await asyncio.wait({ending}, timeout=SOON)
    assert ended
    await ending


@each_service
async def test_a_service_stops_while_all_its_tasks_fall(
    service: str, apps: Mapping[str, web.Application]
) -> None:
    app = apps[service]
    falling = asyncio.Event()

    async def falls() -> None:
        falling.set()
        raise ExceptionGroup("", [RuntimeError()])

    for each in app[TASKS]:
        each.task = replace(each.task, work=falls)
    runner = web.AppRunner(app)
    await runner.setup()
    await falling.wait()
    ending = asyncio.create_task(runner.cleanup())
    ended, _ = await asyncio.wait({ending}, timeout=SOON)
    assert ended
    await ending


@each_service
def test_tasks_have_names_of_their_own_that_an_operator_can_read(
    service: str, apps: Mapping[str, web.Application]
) -> None:
    names = [each.task.name for each in apps[service][TASKS]]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalpha() and name.islower() for name in names)


def test_a_service_listens_hands_on_and_tidies(
    apps: Mapping[str, web.Application],
) -> None:
    """So that the tests above have something to try."""
    for app in apps.values():
        names = {each.task.name for each in app[TASKS]}
        assert names >= {"outbox-relay", "kafka-consumer", "housekeeping"}
