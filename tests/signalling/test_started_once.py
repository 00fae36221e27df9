"""Instances that see the same call begin and end write it once, in whatever order."""

import asyncio
from datetime import timedelta

from chassis.clock import now
from contract.signalling import EndedBy
from services.signalling.domain import Ended, Started
from tests.signalling.pages import House, Visit

SECOND = timedelta(seconds=1)


async def test_a_start_and_an_end_at_the_same_moment_leave_one_call(
    house: House,
) -> None:
    """The clocks of the two instances differ by two seconds."""
    for number in range(30):
        visit = Visit()
        at = now()
        started = Started(visit.appointment, at, admitted_at=at - SECOND)
        ended = Ended(visit.appointment, at, at, EndedBy.PATIENT)
        late = Started(visit.appointment, at + 2 * SECOND, admitted_at=at - SECOND)
        await house.elsewhere.write(started)
        both = [house.elsewhere.write(ended), house.elsewhere.write(late)]
        await asyncio.gather(*(both if number % 2 else reversed(both)))
        assert await house.topics(visit) == ["call.started", "call.ended"]


async def test_after_an_end_a_new_admission_starts_another_call(
    house: House, visit: Visit
) -> None:
    at = now()
    await house.elsewhere.write(Started(visit.appointment, at, at - SECOND))
    await house.elsewhere.write(Ended(visit.appointment, at, at, EndedBy.PATIENT))
    again = Started(visit.appointment, at + 2 * SECOND, at + SECOND)
    await house.elsewhere.write(again)
    assert await house.topics(visit) == ["call.started", "call.ended", "call.started"]
