"""The database's clock, read at a moment of this machine's own. Pure.

Instances agree by it on which of two pages came last, so it may not depend on how long
a statement was under way when many were.
"""

from collections import deque
from datetime import datetime, timedelta

DRIFT = 0.1  # seconds, and more than two clocks part within so many answers
ANSWERS = 20  # kept: a database that took over has a clock of its own


class DatabaseClock:
    """Known from its quickest answer of late: the middle of its way is off the least."""

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float, datetime]] = deque(maxlen=ANSWERS)

    def note(self, asked: float, said: datetime, answered: float) -> None:
        """What it said to a question, with this machine's seconds before and after."""
        took = answered - asked
        answer = (took, asked + took / 2, said)
        if self._answers and self._is_another(answer):
            self._answers.clear()
        self._answers.append(answer)

    def _is_another(self, answer: tuple[float, float, datetime]) -> bool:
        """It cannot have said this, had it gone on: another took over, or it was set."""
        took, heard, said = answer
        off = abs((said - self.at(heard)).total_seconds())
        return off > (took + min(self._answers)[0]) / 2 + DRIFT

    def at(self, moment: float) -> datetime:
        """What it said, or will have said, at this second. It must have answered once."""
        _, heard, said = min(self._answers)
        return said + timedelta(seconds=moment - heard)
