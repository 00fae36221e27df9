"""One person's place in line. Pure: no clock, no database, no network."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, Self
from uuid import UUID

from pydantic import SecretStr

from contract.booking import Professional
from contract.identity import Role
from services.lobby.refusals import (
    AlreadyInCall,
    NotInCall,
    NotWaiting,
    SomeoneWasFirst,
)


class State(StrEnum):
    """What has become of one person's place."""

    IDENTIFIED = "identified"
    WAITING = "waiting"
    ADMITTED = "admitted"
    REFUSED = "refused"
    LEFT = "left"


class Move(StrEnum):
    """What can happen to a place."""

    ASK = "ask"
    ADMIT = "admit"
    REFUSE = "refuse"
    RETURN = "return"
    LEAVE = "leave"
    POSTPONE = "postpone"


# The whole life of a place. What does not stand here does not happen.
MOVES = MappingProxyType(
    {
        (State.IDENTIFIED, Move.ASK): State.WAITING,
        (State.REFUSED, Move.ASK): State.WAITING,
        (State.LEFT, Move.ASK): State.WAITING,
        (State.WAITING, Move.ADMIT): State.ADMITTED,
        (State.WAITING, Move.REFUSE): State.REFUSED,
        (State.WAITING, Move.LEAVE): State.LEFT,
        (State.WAITING, Move.POSTPONE): State.IDENTIFIED,
        (State.ADMITTED, Move.RETURN): State.WAITING,
        (State.ADMITTED, Move.LEAVE): State.LEFT,
        (State.ADMITTED, Move.POSTPONE): State.IDENTIFIED,
    }
)


class Reason(StrEnum):
    """Why someone was refused or returned; the pages have words for each."""

    WRONG_TIME = "wrong_time"
    WRONG_UNIT = "wrong_unit"
    NOT_READY = "not_ready"
    TECHNICAL = "technical"
    OTHER = "other"


CheckResult = Literal["pass", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Person:
    """Who holds a place, as identity told it."""

    person_id: UUID
    role: Role
    name: SecretStr
    birth_year: int
    method: str


@dataclass(frozen=True, slots=True)
class Whom:
    """Someone's place in a visit."""

    appointment_id: str
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Seen(Whom):
    """The place a professional was looking at, as it was then."""

    version: int


@dataclass(frozen=True, slots=True)
class Summons:
    """A professional asked someone who was away to come, and waits `until` then."""

    at: datetime
    until: datetime
    passed: bool = False  # nobody came, and that is known


class Outcome(StrEnum):
    """What became of a summons."""

    CAME = "came"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Place:
    """One person's place in line for one appointment; it outlives tabs and sockets."""

    appointment_id: str
    person: Person
    state: State
    version: int
    since: datetime
    asked_at: datetime | None = None  # for this time first: what the line goes by
    reason: Reason | None = None
    by: Professional | None = None
    slot_sequence: int | None = None  # of the slot that they were let in to
    away_since: datetime | None = None
    summons: Summons | None = None
    checks: MappingProxyType[str, str] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @property
    def whom(self) -> Whom:
        return Whom(self.appointment_id, self.person.person_id)

    def asked(self, at: datetime) -> Self:
        """Asking twice keeps the place; whoever asks is not away."""
        if self.state is State.WAITING:
            return self.back()
        if self.state is State.ADMITTED:
            raise AlreadyInCall("You have been let in.")
        asked_at = self.asked_at or at
        return replace(
            self._moved(Move.ASK, at), asked_at=asked_at, reason=None, by=None
        )

    def admitted(
        self,
        seen: int,
        by: Professional,
        at: datetime,
        slot_sequence: int | None = None,
    ) -> Self:
        """Let in the person the professional was looking at, as they saw them."""
        self._check_seen(seen)
        if self.state is not State.WAITING:
            raise NotWaiting("This person is not waiting.")
        admitted = self._moved(Move.ADMIT, at)
        return replace(admitted, reason=None, by=by, slot_sequence=slot_sequence)

    def refused(self, seen: int, by: Professional, why: Reason, at: datetime) -> Self:
        self._check_seen(seen)
        if self.state is not State.WAITING:
            raise NotWaiting("This person is not waiting.")
        return replace(self._moved(Move.REFUSE, at), reason=why, by=by)

    def returned(self, seen: int, by: Professional, why: Reason, at: datetime) -> Self:
        """From the call back to the line."""
        self._check_seen(seen)
        if self.state is not State.ADMITTED:
            raise NotInCall("This person is not in the call.")
        returned = self._moved(Move.RETURN, at)
        return replace(returned, asked_at=self.asked_at or at, reason=why, by=by)

    def left(self, at: datetime) -> Self:
        """Leaving twice, or before asking, changes nothing."""
        if (self.state, Move.LEAVE) not in MOVES:
            return self
        return self._moved(Move.LEAVE, at)

    def postponed(self, at: datetime) -> Self:
        """For a slot to come: nobody waits for it yet, has waited, or was let in."""
        there = (self.state, Move.POSTPONE) in MOVES
        place = self._moved(Move.POSTPONE, at) if there else self
        return replace(place, asked_at=None)

    def away(self, at: datetime) -> Self:
        """The device was put away while waiting. The place is kept."""
        if self.state is not State.WAITING or self.away_since:
            return self
        return replace(self, away_since=at)

    def back(self) -> Self:
        """At the page again: nobody need call for them."""
        return replace(self, away_since=None, summons=None)

    def summoned(self, seen: int, at: datetime, grace: timedelta) -> Self:
        """Asked to come. Whoever was asked and still has time is not asked again."""
        self._check_seen(seen)
        if self.state is not State.WAITING:
            raise NotWaiting("This person is not waiting.")
        if self.summons and at < self.summons.until:
            return self
        return replace(self, summons=Summons(at, at + grace))

    def given_up(self, at: datetime) -> Self:
        """The time to come has passed. The place is kept all the same."""
        called = self.summons
        if called is None or at < called.until:
            return self
        return replace(self, summons=replace(called, passed=True))

    def _check_seen(self, seen: int) -> None:
        if self.version != seen:
            by = self.by.name if self.by else None
            raise SomeoneWasFirst("The queue has changed since you looked.", by=by)

    def _moved(self, move: Move, at: datetime) -> Self:
        state, version = MOVES[self.state, move], self.version + 1
        return replace(self.back(), state=state, version=version, since=at)


def outcome(before: Place, after: Place, at: datetime) -> Outcome | None:
    """What became of an open summons when the one turned into the other."""
    called = before.summons
    if called is None or called.passed or called == after.summons:
        return None
    there = after.summons is None and after.state in {State.WAITING, State.ADMITTED}
    return Outcome.CAME if there and at <= called.until else Outcome.PASSED


def arriving(appointment_id: str, person: Person, at: datetime) -> Place:
    return Place(appointment_id, person, State.IDENTIFIED, version=1, since=at)


class Ahead(StrEnum):
    """How many wait before you, in bands: a head count is nobody's business."""

    NEXT = "next"
    FEW = "few"
    MANY = "many"


FEW_AT_MOST = 3


def band(before: int) -> Ahead:
    if before == 0:
        return Ahead.NEXT
    return Ahead.FEW if before <= FEW_AT_MOST else Ahead.MANY
