"""What patients are to be told who are not at the page, and for how long it holds. Pure.

Worked out from all that has happened (`services.notifier.fact`) whenever something is
heard, when a message is claimed and at each try. What is not in the answer is not sent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from contract.identity import PatientIdentified, Role
from contract.lobby import (
    AppointmentDelayed,
    AppointmentMissed,
    AppointmentUnserved,
    MessageRead,
    MessageSent,
    PatientAdmitted,
    PatientAway,
    PatientBack,
    PatientLeft,
    PatientRefused,
    PatientReturned,
    PatientSummoned,
    PatientWaiting,
)
from contract.signalling import CallEnded, CallStarted
from services.notifier.contact import Contact
from services.notifier.fact import NO_CODES, Codes, Fact, History
from services.notifier.message import Channel, Subject

Topics: TypeAlias = frozenset[str]

WHOSE_TELEPHONE = frozenset({Role.PATIENT, Role.GUARDIAN})
# While it is only guessed, each text message must be worth its reading.
WORTH_TELLING = timedelta(minutes=10)
ADMITTED_FOR = timedelta(minutes=30)  # then the professional has gone on
MESSAGE_FOR = timedelta(hours=1)
# Who identified and was not heard of since has tried the page out, and gone.
AT_THE_PAGE_FOR = timedelta(hours=1)

CAME: Topics = frozenset(
    each.topic for each in (PatientIdentified, PatientWaiting, PatientBack)
)
CAME_OR_LEFT: Topics = CAME | {PatientLeft.topic}
CALL_IS_OVER: Topics = frozenset(
    {CallEnded.topic, AppointmentMissed.topic, AppointmentUnserved.topic}
)
CALL_HAS_BEGUN: Topics = CALL_IS_OVER | {CallStarted.topic, PatientAdmitted.topic}

BY_PUSH = frozenset({Channel.PUSH})
BY_TEXT = frozenset({Channel.SMS})


class Where(StrEnum):
    """Of what happened at one moment, the last of these holds."""

    AWAY = "away"  # they put the device away, and their place is kept
    GONE = "gone"
    HERE = "here"  # at the page


RANK = {where: rank for rank, where in enumerate(Where)}
PLACE = {
    PatientAway.topic: Where.AWAY,
    PatientLeft.topic: Where.GONE,
    **dict.fromkeys(CAME, Where.HERE),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to tell. `at` tells it from others of its subject; without a person it is
    for whoever has the telephone of the booking."""

    subject: Subject
    at: datetime
    until: datetime
    ways: frozenset[Channel]
    person_id: UUID | None = None
    codes: Codes = field(default_factory=lambda: NO_CODES)


@dataclass(frozen=True, slots=True)
class Rule:
    """When one person is told of something, and what ends it if it comes later.

    `renewed`: the next of the same kind takes its place.
    """

    subject: Subject
    ended_by: Topics
    until: Callable[[Fact], datetime]
    only_while_away: bool = True
    renewed: bool = True
    by_text: bool = True


# Besides what is said here, nothing is told of a slot that is over, of a cancelled
# appointment, and when the call is over.
RULES: Mapping[str, Rule] = {
    PatientSummoned.topic: Rule(
        Subject.YOUR_TURN,
        CAME | {PatientLeft.topic, PatientAdmitted.topic, PatientRefused.topic},
        lambda fact: datetime.fromisoformat(str(fact.codes["until"])),
        only_while_away=False,
    ),
    PatientAdmitted.topic: Rule(
        Subject.ADMITTED,
        CAME | {PatientLeft.topic, PatientRefused.topic, PatientReturned.topic},
        lambda fact: fact.at + ADMITTED_FOR,
    ),
    MessageSent.topic: Rule(
        Subject.MESSAGE,
        CAME | {PatientLeft.topic},
        lambda fact: fact.at + MESSAGE_FOR,
        renewed=False,
        by_text=False,
    ),
}


def notifications(
    history: History, contact: Contact, *, delay_has_left: bool
) -> list[Notification]:
    """All that holds by what has happened in the slot that holds.

    `delay_has_left`: a delay was told, so that its end is worth telling.
    """
    if contact.cancelled:
        return []
    story = Story(history.current, history.roles)
    of_the_delay = [
        each
        for each in _of_the_delay(story, contact)
        if delay_has_left or each.subject is not Subject.ON_TIME
    ]
    return [*_of_persons(story), *of_the_delay]


@dataclass(frozen=True, slots=True)
class Story:
    """The facts of one slot, in the order in which they happened; and who attends as
    what, of those who have identified."""

    facts: Sequence[Fact]
    roles: Mapping[UUID, Role]

    @property
    def people(self) -> frozenset[UUID]:
        return frozenset(each.person_id for each in self.facts if each.person_id)

    def may_have_the_telephone(self, person_id: UUID) -> bool:
        """Who has not been heard of yet may be anyone: that is judged when it leaves."""
        role = self.roles.get(person_id)
        return role is None or role in WHOSE_TELEPHONE

    def has_the_telephone(self, person_id: UUID) -> bool:
        """The number of the booking is the patient's, or of who comes for a child."""
        return self.roles.get(person_id) in WHOSE_TELEPHONE

    def has_since(self, since: datetime, topics: Topics, whose: UUID | None) -> bool:
        """Whether one of these happened at that moment or later, to them or to all."""
        return any(
            each.at >= since
            and each.topic in topics
            and each.person_id in {None, whose}
            for each in self.facts
        )

    def where(self, person_id: UUID, at: datetime) -> Where | None:
        """Where they were just before; nothing when nobody has heard of them."""
        places = [
            (each.at, RANK[PLACE[each.topic]], PLACE[each.topic])
            for each in self.facts
            if each.topic in PLACE and each.person_id == person_id and each.at < at
            if not _is_long_ago(each, at)
        ]
        return max(places)[2] if places else None


def _is_long_ago(fact: Fact, at: datetime) -> bool:
    return fact.topic == PatientIdentified.topic and at - fact.at > AT_THE_PAGE_FOR


def _of_persons(story: Story) -> Iterator[Notification]:
    for fact in story.facts:
        rule = RULES.get(fact.topic)
        if rule and fact.person_id and _holds(rule, fact, fact.person_id, story):
            by_text = rule.by_text and story.may_have_the_telephone(fact.person_id)
            yield Notification(
                subject=rule.subject,
                at=fact.at,
                until=rule.until(fact),
                ways=BY_PUSH | BY_TEXT if by_text else BY_PUSH,
                person_id=fact.person_id,
                codes=_shown(fact),
            )


def _holds(rule: Rule, fact: Fact, whose: UUID, story: Story) -> bool:
    if rule.only_while_away and story.where(whose, fact.at) is not Where.AWAY:
        return False
    if story.has_since(fact.at, rule.ended_by | CALL_IS_OVER, whose):
        return False
    return not any(
        _is_read(each, fact) or _renews(each, fact, rule) for each in story.facts
    )


def _is_read(other: Fact, fact: Fact) -> bool:
    return other.topic == MessageRead.topic and other.codes.get(
        "message_id"
    ) == fact.codes.get("message_id")


def _renews(other: Fact, fact: Fact, rule: Rule) -> bool:
    return (
        rule.renewed
        and (other.topic, other.person_id) == (fact.topic, fact.person_id)
        and other.at > fact.at
    )


def _shown(fact: Fact) -> Codes:
    """What a sentence needs, and the page that is opened by it."""
    names = {"until", "message_id"}
    return {name: code for name, code in fact.codes.items() if name in names}


def _of_the_delay(story: Story, contact: Contact) -> Iterator[Notification]:
    """By push to who is away; by text if nobody is here who has the telephone."""
    fact = _delay_worth_telling(story.facts)
    if fact is None or contact.ends_at is None:
        return
    if any(each.at >= fact.at and each.topic in CALL_HAS_BEGUN for each in story.facts):
        return
    minutes = _minutes(fact)

    def telling(ways: frozenset[Channel], person_id: UUID | None) -> Notification:
        assert contact.ends_at  # noqa: S101 - see above
        return Notification(
            subject=Subject.DELAY if minutes else Subject.ON_TIME,
            at=fact.at,
            until=contact.ends_at + timedelta(minutes=minutes),
            ways=ways,
            person_id=person_id,
            codes={"minutes": minutes} if minutes else NO_CODES,
        )

    for person_id in story.people:
        is_away = story.where(person_id, fact.at) is Where.AWAY
        if is_away and not story.has_since(fact.at, CAME_OR_LEFT, person_id):
            yield telling(BY_PUSH, person_id)
    if not any(
        story.has_the_telephone(each) and _came(story, each, fact.at)
        for each in story.people
    ):
        yield telling(BY_TEXT, None)


def _came(story: Story, person_id: UUID, at: datetime) -> bool:
    """Whether they were at the page then, or have come since."""
    if story.where(person_id, at) is Where.HERE:
        return True
    return story.has_since(at, CAME, person_id)


def _delay_worth_telling(facts: Iterable[Fact]) -> Fact | None:
    """The last that is: a professional's own word always, unless it is told already."""
    said = [each for each in facts if each.topic == AppointmentDelayed.topic]
    told, last = 0, None
    for fact in sorted(said, key=_said):
        if _is_worth_telling(fact, told):
            told, last = _minutes(fact), fact
    return last


def _said(fact: Fact) -> tuple[int, datetime]:
    """By sequence where it differs, since the clocks of two instances may."""
    return fact.slot.sequence if fact.slot else -1, fact.at


def _is_worth_telling(fact: Fact, told: int) -> bool:
    minutes = _minutes(fact)
    if minutes == told:
        return False
    grown = timedelta(minutes=minutes - told)
    begins_or_ends = 0 in {told, minutes}
    return not fact.codes.get("inferred") or begins_or_ends or grown >= WORTH_TELLING


def _minutes(fact: Fact) -> int:
    return int(fact.codes["minutes"])
