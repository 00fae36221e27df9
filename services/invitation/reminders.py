"""When a reminder is sent. Pure: moments from moments.

A day ahead is a day by the clock on the wall in Helsinki, so that who has an appointment
at ten is reminded at ten also when the clocks were changed in between. What is shorter
than a day is a length of time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from services.invitation.words import HELSINKI

DAY = timedelta(days=1)
# So close to it, an appointment at six in the morning wants its reminder before six.
SHORT = timedelta(hours=2)
ROOM = timedelta(minutes=30)  # for what leaves before the quiet hours to have left


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From the one until the other in Finnish time; none when they are the same."""

    begin: time
    end: time

    def around(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The beginning and the end of the quiet hours that this moment falls in."""
        today = at.astimezone(HELSINKI).date()
        over_midnight = timedelta(days=self.end < self.begin)
        for day in (today - DAY, today):
            begin = datetime.combine(day, self.begin, HELSINKI).astimezone(UTC)
            end = datetime.combine(day + over_midnight, self.end, HELSINKI)
            if begin <= at < end.astimezone(UTC):
                return begin, end.astimezone(UTC)
        return None


@dataclass(frozen=True, slots=True)
class Reminders:
    """How long ahead there is a reminder, and when none is wanted.

    One that would leave in quiet hours leaves before they begin. A short one leaves at
    its time whatever the hour. None follows another e-mail within `apart`.
    """

    ahead: tuple[timedelta, ...]
    quiet: QuietHours
    apart: timedelta

    def moments(self, starts_at: datetime) -> Mapping[timedelta, datetime]:
        """Those of an appointment, by how long ahead they are."""
        return {each: self._moment(each, starts_at) for each in self.ahead}

    def useless_from(self, ahead: timedelta, starts_at: datetime) -> datetime:
        """When the next reminder says it better, or the appointment begins."""
        moments = self.moments(starts_at)
        if ahead not in moments:
            return starts_at
        later = (each for each in moments.values() if each > moments[ahead])
        return min(later, default=starts_at)

    def held_back(self, ahead: timedelta, at: datetime) -> datetime | None:
        """Until when, if it is late and would disturb now."""
        quiet = None if ahead < SHORT else self.quiet.around(at)
        return quiet and quiet[1]

    def _moment(self, ahead: timedelta, starts_at: datetime) -> datetime:
        days, rest = divmod(ahead, DAY)
        on_the_wall = starts_at.astimezone(HELSINKI) - days * DAY
        moment = on_the_wall.astimezone(UTC) - rest
        quiet = None if ahead < SHORT else self.quiet.around(moment)
        return quiet[0] - ROOM if quiet else moment
