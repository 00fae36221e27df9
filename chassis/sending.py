"""One message on its way: claimed, handed to a supplier, settled. Pure.

No transaction waits for a supplier: whoever claims a message has it until the lease ends,
and alone may settle it. Who falls meanwhile leaves the message in doubt: it may have left.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from chassis.outcome import Accepted, Never, NotNow, Outcome, Reason, pause


class State(StrEnum):
    """How far a message has come. The last three are ends."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    OBSOLETE = "obsolete"  # became untrue before it left


OPEN = frozenset({State.QUEUED, State.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """From the decision to write until the end."""

    created_at: datetime
    due_at: datetime
    state: State = State.QUEUED
    attempts: int = 0
    lease: UUID | None = field(default=None, repr=False)
    doubt: bool = False
    reason: Reason | None = None
    settled_at: datetime | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether it does no harm to send it however often it may have left."""
        return True

    def claimed(self, lease: UUID, until: datetime) -> Self:
        return replace(
            self,
            state=State.SENDING,
            attempts=self.attempts + 1,
            lease=lease,
            due_at=until,
        )

    def settled(self, outcome: Outcome, at: datetime, chance: float) -> Self:
        """What became of a try. `chance`, from 0 to 1, spreads the next ones out."""
        match outcome:
            case Accepted():
                return self._ended(State.ACCEPTED, at)
            case Never(reason):
                return replace(self._ended(State.FAILED, at), reason=reason)
            case NotNow(doubt, after):
                wait = pause(self.attempts, chance)
                return self._again(at, at + max(wait, after or wait), doubt=doubt)

    def given_back(self, at: datetime) -> Self:
        """Whoever was sending it has not been heard of since: it may have left."""
        if self.state is State.SENDING and self.due_at <= at:
            return self._again(at, at, doubt=True)
        return self

    def obsolete(self, at: datetime, reason: Reason | None = None) -> Self:
        return replace(self._ended(State.OBSOLETE, at), reason=reason)

    def given_up(self, at: datetime) -> Self:
        return replace(self._ended(State.FAILED, at), reason=Reason.NO_ANSWER)

    def _again(self, at: datetime, due_at: datetime, *, doubt: bool) -> Self:
        if doubt and self.doubt and not self.is_repeatable:
            return self.given_up(at)  # it may have left twice: that is enough
        return replace(
            self,
            state=State.QUEUED,
            lease=None,
            due_at=due_at,
            doubt=self.doubt or doubt,
        )

    def _ended(self, state: State, at: datetime) -> Self:
        return replace(self, state=state, lease=None, settled_at=at)
