"""The hours at which a unit wants no message at home. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HELSINKI = ZoneInfo("Europe/Helsinki")
EVERY_DAY = frozenset(range(7))
A_DAY = timedelta(days=1)
CHAINED = 32  # quiet hours that follow each other without a pause: for ever


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours by a Finnish wall clock; past midnight when they end at or before they
    begin. `days` are those on which they begin, Monday being 0."""

    begins: time
    ends: time
    days: frozenset[int] = EVERY_DAY

    def end_of(self, at: datetime) -> datetime | None:
        """When the quiet that holds at this moment ends; nothing when none holds."""
        today = at.astimezone(HELSINKI).date()
        for day in (today - A_DAY, today):
            begins, ends = self._on(day)
            # By their moments: a wall clock shows an hour twice in an autumn night.
            holds = begins.timestamp() <= at.timestamp() < ends.timestamp()
            if holds and day.weekday() in self.days:
                return ends.astimezone(at.tzinfo)
        return None

    def _on(self, day: date) -> tuple[datetime, datetime]:
        last = day + A_DAY if self.ends <= self.begins else day
        return (
            datetime.combine(day, self.begins, HELSINKI),
            datetime.combine(last, self.ends, HELSINKI),
        )


def loud_from(at: datetime, quiet: Sequence[Quiet]) -> datetime | None:
    """The first moment from here on that is not quiet; nothing when none ever is."""
    for _ in range(CHAINED):
        ends = [end for each in quiet if (end := each.end_of(at))]
        if not ends:
            return at
        at = max(ends)
    return None
