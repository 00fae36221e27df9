"""A background task falls in every way there is, and is there again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
import structlog
from prometheus_client import REGISTRY

from chassis.background import Background, Cause, Pace, Record, Task, every, failing
from chassis.logs import log, trouble
from chassis.refusal import Contended, Unavailable
from tests.chassis.falls import FALLS, Fall
from tests.chassis.kafka import running, until

QUICK = Pace(first=0.001, most=0.002, healthy=0.05)
SOON = 20
NEVER = Pace(first=600, most=600)


class Faller:
    """Falls so often, then stays up."""

    def __init__(self, fall: Fall, times: int) -> None:
        self._fall = fall
        self._left = times
        self.up = asyncio.Event()

    async def work(self) -> None:
        if self._left:
            self._left -= 1
            await self._fall()
            return
        self.up.set()
        await asyncio.Event().wait()


def background(
    work: Callable[[], Awaitable[object]], pace: Pace = QUICK, name: str = "t"
) -> Background:
    return Background("test", Task(name, work), log("test"), pace, lambda: 0.0)


def restarts(name: str, cause: Cause) -> float:
    labels = {"service": "test", "task": name, "cause": cause}
    return REGISTRY.get_sample_value("chassis_task_restarts_total", labels) or 0.0


def is_up(name: str) -> float | None:
    labels = {"service": "test", "task": name}
    return REGISTRY.get_sample_value("chassis_task_up", labels)


@pytest.mark.parametrize("times", [1, 2, 3, 10])
@pytest.mark.parametrize("fall", FALLS.values(), ids=FALLS)
async def test_a_task_gets_up_after_any_fall_however_often(
    fall: Fall, times: int
) -> None:
    faller = Faller(fall, times)
    async with running(background(faller.work).run()), asyncio.timeout(SOON):
        await faller.up.wait()


@pytest.mark.parametrize("fall", FALLS.values(), ids=FALLS)
async def test_a_stop_ends_a_task_that_pauses(fall: Fall) -> None:
    fell = asyncio.Event()

    async def falls() -> None:
        fell.set()
        await fall()

    task = asyncio.create_task(background(falls, NEVER, "pauses").run())
    await asyncio.wait_for(fell.wait(), SOON)

    async def is_down() -> bool:
        return is_up("pauses") == 0

    await until(is_down)
    await ended(task)


@pytest.mark.parametrize("fall", FALLS.values(), ids=FALLS)
async def test_a_stop_ends_a_task_that_falls_while_it_is_stopped(fall: Fall) -> None:
    begun = asyncio.Event()
    runs = 0

    async def leaves_badly() -> None:
        nonlocal runs
        runs += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await fall()

    task = asyncio.create_task(background(leaves_badly).run())
    await asyncio.wait_for(begun.wait(), SOON)
    await ended(task)
    assert runs == 1


async def test_a_stop_before_the_first_step_begins_nothing() -> None:
    async def work() -> None:
        raise AssertionError

    task = asyncio.create_task(background(work).run())
    await ended(task)


async def test_a_stop_at_the_same_moment_as_a_fall_is_a_stop() -> None:
    """Whichever the loop hears first."""
    for _ in range(50):
        falling = asyncio.Event()
        runs = 0

        async def falls(falling: asyncio.Event = falling) -> None:
            nonlocal runs
            runs += 1
            await falling.wait()
            raise RuntimeError

        task = asyncio.create_task(background(falls).run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        falling.set()
        await ended(task)
        assert runs == 1


async def test_what_was_begun_is_finished_before_a_stop_is_over() -> None:
    begun, finished = asyncio.Event(), False

    async def delivers() -> None:
        nonlocal finished
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            finished = True

    task = asyncio.create_task(background(delivers).run())
    await asyncio.wait_for(begun.wait(), SOON)
    await ended(task)
    assert finished


async def test_who_is_told_to_stop_twice_still_waits_for_the_end() -> None:
    up, may_end, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            up.set()
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            closed.set()

    task = asyncio.create_task(background(work).run())
    await up.wait()
    for _ in range(2):
        task.cancel()
        for _turn in range(5):
            await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    await asyncio.wait({task}, timeout=SOON)
    assert task.cancelled()
    assert closed.is_set()


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=SOON)
    assert done
    assert task.cancelled()


async def test_each_end_is_counted_by_its_cause() -> None:
    async def unavailable() -> None:
        raise ExceptionGroup("", [Unavailable("x"), Contended("y")])

    async def half() -> None:
        raise ExceptionGroup("", [Unavailable("x"), OSError()])

    async def returns() -> None:
        return

    for name, fall, cause in (
        ("away", unavailable, Cause.UNAVAILABLE),
        ("half", half, Cause.CRASHED),
        ("returns", returns, Cause.RETURNED),
    ):
        faller = Faller(fall, 3)
        before = {each: restarts(name, each) for each in Cause}
        async with running(background(faller.work, name=name).run()):
            await asyncio.wait_for(faller.up.wait(), SOON)
        after = {each: restarts(name, each) - before[each] for each in Cause}
        assert after == {each: 3.0 if each is cause else 0.0 for each in Cause}


async def test_a_task_is_down_until_it_has_run_for_a_healthy_while() -> None:
    seen: list[float | None] = []

    async def falls() -> None:
        seen.append(is_up("gauge"))
        raise RuntimeError

    faller = Faller(falls, 3)
    async with running(background(faller.work, name="gauge").run()):

        async def is_well() -> bool:
            return faller.up.is_set() and is_up("gauge") == 1

        await until(is_well)
        assert seen == [1, 0, 0]
    assert is_up("gauge") == 0


async def test_a_line_says_which_task_what_it_was_and_how_often_in_a_row() -> None:
    async def falls() -> None:
        raise ExceptionGroup("a secret", [KeyError("a secret"), OSError("a secret")])

    faller = Faller(falls, 3)
    with structlog.testing.capture_logs() as lines:
        task = background(faller.work, name="e-mail")
        async with running(task.run()):
            await asyncio.wait_for(faller.up.wait(), SOON)
    told = [(each["task"], each["error"], each["in_a_row"]) for each in lines]
    assert told == [("e-mail", "KeyError, OSError", n) for n in (1, 2, 3)]
    assert "secret" not in str(lines)


def test_the_places_of_a_group_are_those_of_what_is_in_it() -> None:
    def break_down() -> None:
        raise KeyError

    try:
        break_down()
    except KeyError as error:
        group = BaseExceptionGroup("", [ExceptionGroup("", [error])])
    assert trouble(group)["error"] == "KeyError"
    assert "break_down" in trouble(group)["places"][-1]


# Pauses, and what counts as down


def test_pauses_grow_to_a_most_and_chance_takes_up_to_half_away() -> None:
    pace = Pace()
    pauses = [pace.pause(n, Cause.CRASHED, 0) for n in range(1, 2000)]
    assert pauses[:4] == [0.5, 1, 2, 4]
    assert all(later >= earlier for earlier, later in pairwise(pauses))
    assert pauses[-1] == pace.most
    assert pace.pause(3, Cause.CRASHED, 1) == 1
    assert pace.pause(2000, Cause.UNAVAILABLE, 0) == pace.most_unavailable


def test_a_task_that_crashes_again_after_the_grace_keeps_crashing() -> None:
    record = Record()
    for at in (100.0, 101.0, 119.0):
        record = record.ended(Cause.CRASHED, at)
        assert not record.is_failing(20)
    assert record.ended(Cause.CRASHED, 120).is_failing(20)
    assert record.ended(Cause.RETURNED, 120).is_failing(20)
    assert not record.ended(Cause.UNAVAILABLE, 500).is_failing(20)


def test_one_crash_however_long_ago_is_no_row_of_them() -> None:
    assert not Record().ended(Cause.CRASHED, 100).is_failing(20)


def test_waiting_for_what_is_away_never_counts_as_crashing() -> None:
    record = Record()
    for at in range(0, 100_000, 5):
        record = record.ended(Cause.UNAVAILABLE, at)
    assert not record.is_failing(20)


async def test_only_needed_tasks_that_keep_crashing_are_named() -> None:
    async def crashes() -> None:
        raise RuntimeError

    async def waits() -> None:
        raise Unavailable("x")

    pace = Pace(first=0.01, most=0.01, healthy=60, grace=0.02)
    tasks = [
        background(crashes, pace, "crashes"),
        background(waits, pace, "waits"),
        Background("test", Task("tidies", crashes, needed=False), log("test"), pace),
    ]
    async with AsyncExitStack() as stack:
        for each in tasks:
            await stack.enter_async_context(running(each.run()))

        async def all_have_ended_often() -> bool:
            return tasks[0].is_failing and tasks[2].is_failing

        await until(all_have_ended_often)
        assert list(failing(tasks)) == ["crashes"]


# What is done every so often


async def test_what_is_done_every_so_often_is_done_at_once_in_order_and_again() -> None:
    done: list[str] = []
    enough = asyncio.Event()

    async def first() -> None:
        done.append("first")

    async def second() -> int:
        done.append("second")
        if len(done) >= 4:
            enough.set()
        return len(done)

    async with running(every(0.01, first, second)()):  # type: ignore[arg-type]
        await asyncio.wait_for(enough.wait(), SOON)
    assert done[:4] == ["first", "second"] * 2


async def test_a_deed_that_fails_keeps_no_other_from_its_turn() -> None:
    done: list[str] = []

    async def fails() -> None:
        done.append("fails")
        raise KeyError

    async def is_away() -> None:
        done.append("is away")
        raise Unavailable("x")

    async def works() -> None:
        done.append("works")

    with pytest.raises(ExceptionGroup) as group:
        await every(60, fails, is_away, works)()
    assert done == ["fails", "is away", "works"]
    assert [type(each) for each in group.value.exceptions] == [KeyError, Unavailable]
