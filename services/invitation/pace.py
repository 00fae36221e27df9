"""How fast e-mails go to one domain: a steady pace, and slower where we are asked to be.

A large domain that has had enough answers 421 or 4.7.x to whoever comes next, and holds
it against whoever goes on. So that domain is left in peace for a while, growing with each
such answer, and the others go on. Kept in memory, by each process for itself: what is
forgotten at a restart is learnt again from the next answer. Pure but for the memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from chassis.clock import Clock
from chassis.outcome import Accepted, Cause, NotNow, Outcome

BURST = timedelta(seconds=4)  # what may go at once; longer than the postman's rest
REST = tuple(timedelta(seconds=each) for each in (15, 30, 60, 120, 300, 600))


@dataclass(frozen=True, slots=True)
class Lane:
    """To one domain: how many more may go now, and whether it is to be left in peace."""

    left: float
    since: datetime
    opens_at: datetime
    refusals: int = 0

    def at(self, now: datetime, a_second: float, most: float) -> Self:
        rested = max(0.0, (now - self.since).total_seconds())
        return replace(self, left=min(most, self.left + rested * a_second), since=now)

    def one_less(self) -> Self:
        return replace(self, left=self.left - 1)

    def is_open(self, now: datetime) -> bool:
        return self.left >= 1 and self.opens_at <= now

    def is_forgettable(self, now: datetime, most: float) -> bool:
        """Nothing of it would be different if it were new."""
        is_calm = not self.refusals or self.opens_at + REST[-1] <= now
        return is_calm and self.left >= most

    def refused(self, now: datetime, chance: float) -> Self:
        """Those who were on their way already add nothing to it."""
        if now < self.opens_at:
            return self
        rest = REST[min(self.refusals, len(REST) - 1)] * (0.5 + chance)
        return replace(self, opens_at=now + rest, refusals=self.refusals + 1)

    def taken(self) -> Self:
        return replace(self, refusals=0)


class Pace:
    """`a_minute` to one domain at most. `chance`, from 0 to 1, spreads the rests out."""

    def __init__(
        self, a_minute: int, clock: Clock, chance: Callable[[], float]
    ) -> None:
        self._a_second = a_minute / 60
        self._most = max(1.0, self._a_second * BURST.total_seconds())
        self._clock = clock
        self._chance = chance
        self._lanes: dict[str, Lane] = {}

    def closed(self) -> Sequence[str]:
        """The domains that are not to be written to just now."""
        now = self._clock()
        lanes = {name: self._lane(name, now) for name in self._lanes}
        self._lanes = {
            name: lane
            for name, lane in lanes.items()
            if not lane.is_forgettable(now, self._most)
        }
        return [name for name, lane in self._lanes.items() if not lane.is_open(now)]

    def goes(self, domain: str) -> None:
        """One more e-mail has been claimed for it."""
        self._lanes[domain] = self._lane(domain, self._clock()).one_less()

    def answered(self, domain: str, result: Outcome) -> None:
        now = self._clock()
        lane = self._lane(domain, now)
        match result:
            case NotNow(cause=Cause.SLOWER):
                self._lanes[domain] = lane.refused(now, self._chance())
            case Accepted():
                self._lanes[domain] = lane.taken()

    @property
    def slowed(self) -> int:
        """How many domains have asked to be left in peace, and still are."""
        now = self._clock()
        return sum(now < lane.opens_at for lane in self._lanes.values())

    def _lane(self, domain: str, now: datetime) -> Lane:
        lane = self._lanes.get(domain) or Lane(self._most, now, now)
        return lane.at(now, self._a_second, self._most)
