"""When a doorbell rings, and whom it wakes next. Pure: no clock, no database, no network.

What is heard of a person at the door is kept as words, each with the moment at which it
became true. Kafka orders within one topic only, so the words are sorted by that moment
and told from the first: one that comes late changes what it would have changed in time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Self
from uuid import UUID

from chassis.refusal import Refusal
from contract.appointment import Aspect
from contract.booking import AppointmentBooked, AppointmentCancelled, Change, Timed
from services.notifier.quiet import Quiet, loud_from

SETTLING = timedelta(seconds=5)  # the word that ends it may be just behind
RINGS_AFTER_THE_END = timedelta(hours=1)  # by then the visit is long over
RINGS_UNBOOKED = timedelta(hours=12)


class NoDoorbell(Refusal):
    """Nobody waits there, or in another unit: the two must look the same."""

    code = "no_doorbell"


class What(StrEnum):
    """What was heard. At one and the same moment they happen in this order."""

    WAITING = "waiting"
    RETURNED = "returned"
    BACK = "back"
    ACKNOWLEDGED = "acknowledged"
    MESSAGED = "messaged"
    SUMMONED = "summoned"
    ADMITTED = "admitted"
    REFUSED = "refused"
    LEFT = "left"
    MISSED = "missed"


ARRIVALS = frozenset({What.WAITING, What.RETURNED})
ANSWERS = frozenset({What.ACKNOWLEDGED, What.MESSAGED, What.SUMMONED})
DECISIONS = frozenset({What.ADMITTED, What.REFUSED})
ORDER = {what: place for place, what in enumerate(What)}


@dataclass(frozen=True, slots=True)
class Word:
    """`at` is its place in the story, by the lobby's clock; `noted_at` is by ours.

    An acknowledgement answers the waiting that was seen, so its place is right after it.
    `by` is the professional who did it, if one did. `is_ahead`: it is about a booked time
    of which we have not heard yet.
    """

    at: datetime
    what: What
    noted_at: datetime
    by: str | None = None
    is_ahead: bool = False


@dataclass(frozen=True, slots=True)
class Noticed:
    """The first that a person did about somebody who waited."""

    since: datetime
    word: Word

    @property
    def after(self) -> timedelta:
        word = self.word
        ours = word.what is What.ACKNOWLEDGED
        return (word.noted_at if ours else word.at) - self.since


@dataclass(frozen=True, slots=True)
class Door:
    """What the bells of one appointment have in common.

    Nobody can wait before `opens_at`: who did, when the time was moved, waits no more.
    """

    professional_id: str | None = None
    opens_at: datetime | None = None
    ends_at: datetime | None = None
    cancelled: bool = False

    def after(self, change: Change, renewed: frozenset[Aspect], now: datetime) -> Self:
        """With what is new in this word of the booking system, as it is heard now."""
        door = self
        if isinstance(change, AppointmentBooked) and Aspect.DETAILS in renewed:
            door = replace(door, professional_id=change.professional.id)
        if isinstance(change, Timed) and Aspect.TIMES in renewed:
            opens = change.starts_at if change.starts_at > now else None
            door = replace(door, opens_at=opens, ends_at=change.ends_at)
        if Aspect.STATUS in renewed:
            off = isinstance(change, AppointmentCancelled)
            door = replace(door, cancelled=off)
        return door


class Rung(StrEnum):
    """Whom a bell wakes, lowest first. The page rings by itself before all of them."""

    PUSH = "push"
    COLLEAGUE = "colleague"
    DUTY = "duty"


# A console that is open may ring at any hour; telephones may not.
KEEPS_QUIET = frozenset({Rung.PUSH, Rung.DUTY})
HEIGHT = {rung: height for height, rung in enumerate(Rung)}
NOT_CLIMBED: Mapping[Rung, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rules:
    """A unit's: each rung by the time that somebody has waited, and its quiet hours."""

    ladder: Mapping[Rung, timedelta]
    quiet: Sequence[Quiet] = ()


@dataclass(frozen=True, slots=True)
class Due:
    at: datetime
    rung: Rung


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One person at the door of one appointment."""

    appointment_id: str
    person_id: UUID
    unit_id: str | None = None  # nothing until somebody has said it
    since: datetime | None = None  # nothing while nobody waits
    heard_at: datetime | None = None  # when we heard of this waiting
    answered: Word | None = None
    climbed: Mapping[Rung, datetime] = field(default_factory=lambda: NOT_CLIMBED)

    @property
    def rings(self) -> bool:
        return self.since is not None and self.answered is None

    @property
    def calls_to(self) -> tuple[datetime | None, str | None] | None:
        """Where people are called to: since when, and at which unit, if it rings."""
        return (self.since, self.unit_id) if self.rings else None

    @property
    def highest(self) -> Rung | None:
        return max(self.climbed, key=HEIGHT.__getitem__, default=None)

    def told(self, words: Iterable[Word], door: Door, now: datetime) -> Self:
        """As these words tell it. Of a new waiting nobody has been woken yet."""
        story = tell(words, door)
        bell = replace(self, since=story.since, answered=story.answered)
        if story.since in {None, self.since}:
            return bell
        return replace(bell, heard_at=now, climbed=NOT_CLIMBED)

    def at_unit(self, unit_id: str | None, now: datetime) -> Self:
        """Of another unit nobody has been woken yet."""
        if unit_id in {None, self.unit_id}:
            return self
        return replace(self, unit_id=unit_id, heard_at=now, climbed=NOT_CLIMBED)

    def over_at(self, door: Door) -> datetime | None:
        """When it falls silent though nobody has come."""
        if self.since is None:
            return None
        if door.ends_at is None:
            return self.since + RINGS_UNBOOKED
        return max(self.since, door.ends_at) + RINGS_AFTER_THE_END

    def due(self, rules: Rules, door: Door, now: datetime) -> Due | None:
        """The next rung, and when: long ago, if we were away."""
        dues = (self._due(rung, rules, now) for rung in self._left(rules))
        first = min(filter(None, dues), key=lambda due: due.at, default=None)
        over_at = self.over_at(door)
        if first is None or over_at is None or max(first.at, now) >= over_at:
            return None
        return first

    def climbs(self, rung: Rung, now: datetime) -> Self:
        return replace(self, climbed={**self.climbed, rung: now})

    def past_since(self, rules: Rules) -> datetime | None:
        """Since when it rings and there is nobody left to wake."""
        if not self.rings or self._left(rules):
            return None
        return max(self.climbed.values(), default=self.heard_at)

    def _left(self, rules: Rules) -> list[Rung]:
        if not self.rings:
            return []
        return [each for each in Rung if each in rules.ladder.keys() - self.climbed]

    def _due(self, rung: Rung, rules: Rules, now: datetime) -> Due | None:
        assert self.since and self.heard_at  # noqa: S101, PT018 - it rings
        # The lobby's clock may be ahead of ours; nobody waits for longer because of it.
        began = min(self.since, self.heard_at)
        at = max(began + rules.ladder[rung], self.heard_at + SETTLING)
        if rung not in KEEPS_QUIET:
            return Due(at, rung)
        latest = max(at, now)
        loud = loud_from(latest, rules.quiet)
        if loud is None:
            return None
        return Due(at if loud == latest else loud, rung)


@dataclass(frozen=True, slots=True)
class Story:
    """What has become of somebody at the door."""

    since: datetime | None = None
    answered: Word | None = None
    noticed: Noticed | None = None
    summoned: bool = False

    def then(self, word: Word) -> "Story":
        if word.what in ARRIVALS or (word.what is What.BACK and self.summoned):
            return Story(since=word.at)
        if word.what is What.BACK or self.since is None:
            return self
        if word.what in ANSWERS:
            summoned = self.summoned or word.what is What.SUMMONED
            answered = self.answered or word
            noticed = self._noticed_by(word)
            return Story(self.since, answered, noticed, summoned)
        by_somebody = word.what in DECISIONS
        return Story(noticed=self._noticed_by(word) if by_somebody else self.noticed)

    def _noticed_by(self, word: Word) -> Noticed | None:
        if self.since is None:
            return self.noticed
        return self.noticed or Noticed(self.since, word)


def tell(words: Iterable[Word], door: Door) -> Story:
    """The story of these words, in whatever order they were heard."""
    told = Story()
    for word in sorted(words, key=lambda word: (word.at, ORDER[word.what])):
        if word.is_ahead or door.opens_at is None or word.at >= door.opens_at:
            told = told.then(word)
    return Story(noticed=told.noticed) if door.cancelled else told


def newly_noticed(before: Story, after: Story) -> Noticed | None:
    """Each waiting is noticed once, also when a word of it comes late."""
    seen = before.noticed.since if before.noticed else None
    now = after.noticed
    return now if now and now.since != seen else None
