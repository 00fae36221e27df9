"""What a patient should be told, and whether they have been. Pure: no clock, no network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import Self
from uuid import UUID

from pydantic import SecretStr

from chassis.outcome import Reason
from chassis.refusal import Refusal
from chassis.sending import Sending, State
from contract.appointment import Aspect, Heard
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    Change,
    Companion,
    CompanionRole,
    Language,
    Timed,
    Unit,
)
from contract.invitation import Kind
from contract.slot import Slot

BOUNCES_FOR = timedelta(days=7)  # a mail server gives up after five
NAME = 32  # digits of a recipient's name


class AppointmentUnknown(Refusal):
    code = "appointment_unknown"


class AppointmentIsCancelled(Refusal):
    code = "appointment_cancelled"


class AppointmentIsOver(Refusal):
    code = "appointment_over"


class AlreadyOnItsWay(Refusal):
    code = "already_on_its_way"


class RecipientUnknown(Refusal):
    code = "recipient_unknown"


class NotAsked(Refusal):
    """A companion whom the booking names no longer."""

    code = "not_asked"


class AddressInvalid(Refusal):
    code = "address_invalid"


class Status(StrEnum):
    BOOKED = "booked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is written to, and on whose behalf. Only a companion comes in a role."""

    unit: Unit
    email: SecretStr
    language: Language
    role: CompanionRole | None = None

    @property
    def domain(self) -> str:
        return self.email.get_secret_value().rpartition("@")[2].strip().lower()

    @property
    def name(self) -> str:
        """Who it is at which address, in a word that tells neither. It stays the same
        whatever else is booked, and whichever secret makes the links."""
        whose = f"{self.role or 'patient'}:{_plain(self.email)}"
        return sha256(whose.encode()).hexdigest()[:NAME]


@dataclass(frozen=True, slots=True)
class Times:
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """What was heard of the day itself: how late it is, who came, whether it began.

    People are known by their ids alone, and not in what role they came.
    """

    delay: int | None = None  # minutes; none when nobody has said
    arrived: frozenset[UUID] = frozenset()
    started: bool = False

    def __or__(self, newer: Self) -> Self:
        return replace(
            newer,
            delay=self.delay if newer.delay is None else newer.delay,
            arrived=self.arrived | newer.arrived,
            started=self.started or newer.started,
        )


@dataclass(frozen=True, slots=True)
class Issued:
    """A link as it was said to the other services."""

    digest: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """A companion, as far as they are told of the appointment.

    Who is asked no longer stays known, so as to be told that.
    """

    role: CompanionRole
    email: SecretStr
    language: Language | None
    asked: bool = True
    revision: int = 1
    issued: Issued | None = None

    def with_link(self, issued: Issued | None) -> Self:
        is_news = _is_another(self.issued, issued)
        return replace(self, issued=issued, revision=self.revision + is_news)

    @property
    def key(self) -> tuple[CompanionRole, str]:
        """One person is asked once in one role, however often a booking says so."""
        return self.role, _plain(self.email)


@dataclass(frozen=True, slots=True)
class Appointment:
    """What has been heard of one appointment, in whatever order.

    It is the patient's view; `seen_by` is a companion's.
    """

    appointment_id: str
    heard: Heard = field(default_factory=Heard)
    status: Status = Status.BOOKED
    recipient: Recipient | None = None
    times: Times | None = None
    revision: int = 0
    issued: Issued | None = None
    companions: tuple[Invited, ...] = ()
    corrected: SecretStr | None = (
        None  # by staff; `recipient` has the booking's address
    )
    progress: Progress = field(default_factory=Progress)  # where no slot was named
    slots: Mapping[Slot, Progress] = field(default_factory=dict)

    def after(self, change: Change) -> Self:
        """The appointment once this has been heard; itself when it is old news."""
        renewed = self.heard.renewed_by(change)
        after = replace(self, heard=self.heard.and_then(change))
        if Aspect.STATUS in renewed:
            after = replace(after, status=_status(change))
        if Aspect.TIMES in renewed and isinstance(change, Timed):
            after = replace(after, times=Times(change.starts_at, change.ends_at))
        if Aspect.DETAILS in renewed and isinstance(change, AppointmentBooked):
            after = after.booked_as(change)
        return after.without_what_is_over(self.heard.slot).with_news_since(self)

    def went_on(
        self, slot: Slot | None, progressed: Callable[[Progress], Progress]
    ) -> Self:
        """The appointment once this has been heard of the day of a slot, which may be
        over, or one that has not been heard of yet."""
        if slot is None:
            return replace(self, progress=progressed(self.progress))
        if self.heard.is_over(slot):
            return self
        before = self.slots.get(slot, Progress())
        return replace(self, slots={**self.slots, slot: progressed(before)})

    def without_what_is_over(self, slot: Slot | None) -> Self:
        """What was heard of one day is worth nothing for another. `slot` is the one
        that held before."""
        slots = {
            each: progress
            for each, progress in self.slots.items()
            if not self.heard.is_over(each)
        }
        progress = Progress() if self.heard.is_over(slot) else self.progress
        return replace(self, slots=slots, progress=progress)

    @property
    def day(self) -> Progress:
        """How far the day has come, by all that is about the slot that holds."""
        current = [each for each in self.slots if self.heard.is_current(each)]
        current.sort(key=lambda each: each.sequence)
        return reduce(or_, (self.slots[each] for each in current), self.progress)

    def corrected_to(self, email: SecretStr) -> Self:
        """With another address of the patient's, until a newer booking brings another."""
        booked = self.recipient and self.recipient.email
        right = None if booked and is_same_address(booked, email) else email
        return replace(self, corrected=right).with_news_since(self)

    def booked_as(self, booked: AppointmentBooked) -> Self:
        recipient, before = _recipient(booked), self.recipient
        stays = before and is_same_address(before.email, recipient.email)
        return replace(
            self,
            recipient=recipient,
            companions=_invited(self.companions, booked.companions),
            corrected=self.corrected if stays else None,
        )

    def with_news_since(self, before: Self) -> Self:
        """With new revisions for those to whom this is news."""
        after = replace(self, companions=tuple(self._revised(before)))
        if after._matters() == before._matters():  # noqa: SLF001 - it is one of us
            return after
        return replace(after, revision=before.revision + 1)

    def with_link(self, issued: Issued | None) -> Self:
        is_news = _is_another(self.issued, issued)
        return replace(self, issued=issued, revision=self.revision + is_news)

    def seen_by(self, companion: Invited) -> Self:
        """The appointment as this companion is told of it: off, when they are not asked."""
        patient, _ = self.known()
        language = companion.language or patient.language
        return replace(
            self,
            recipient=Recipient(
                patient.unit, companion.email, language, companion.role
            ),
            status=self.status if companion.asked else Status.CANCELLED,
            revision=companion.revision,
            issued=companion.issued,
            companions=(),
            corrected=None,
            progress=Progress(self.day.delay, started=self.delay is None),
            slots={},
        )

    def views(self) -> Iterator[Self]:
        """The patient's, then each companion's."""
        yield self
        for each in self.companions:
            yield self.seen_by(each)

    def _revised(self, before: Self) -> Iterator[Invited]:
        """The companions, each with a new revision if there is something new for them."""
        told = {
            each.key: before.seen_by(each)._matters()  # noqa: SLF001 - it is one of us
            for each in before.companions
        }
        for each in self.companions:
            now = self.seen_by(each)._matters()  # noqa: SLF001 - it is one of us
            is_news = told.get(each.key, now) != now
            yield replace(each, revision=each.revision + is_news)

    @property
    def sequence(self) -> int:
        """As a calendar counts changes (RFC 5545, 3.8.7.4)."""
        return max(0, self.heard.details, self.heard.times, self.heard.status)

    def known(self) -> tuple[Recipient, Times]:
        """Whom to write to about which time. Only asked once both were heard."""
        if self.recipient is None or self.times is None:
            raise LookupError("The booking has not been heard.")
        email = self.corrected or self.recipient.email
        return replace(self.recipient, email=email), self.times

    @property
    def is_known(self) -> bool:
        return self.recipient is not None and self.times is not None

    @property
    def delay(self) -> int | None:
        """How many minutes late, as far as somebody may still need to be told."""
        if self.day.started or self._have_all_come():
            return None
        return self.day.delay or 0

    def _have_all_come(self) -> bool:
        """As many have come as were asked. While somebody is missing nobody knows who."""
        asked = 1 + sum(each.asked for each in self.companions)
        return len(self.day.arrived) >= asked

    def is_over(self, at: datetime) -> bool:
        return self.times is not None and self.times.ends_at <= at

    def _matters(self) -> object:
        """What a patient would be told anew if it changed. Off is off, at any time."""
        if self.status is Status.CANCELLED or not self.is_known:
            return self.status, self.is_known
        recipient, times = self.known()
        return replace(recipient, unit=_named(recipient.unit)), times


def hint(email: SecretStr) -> str:
    """As much of an address as tells whether it is the right one: `t…@e….fi`."""
    local, at, host = email.get_secret_value().strip().rpartition("@")
    name, dot, land = host.rpartition(".")
    if not (at and dot):
        return "…"
    return f"{local[:1]}…@{name[:1]}….{land}"


def is_same_address(one: SecretStr, other: SecretStr) -> bool:
    """As the link sees it, too: capital letters make no other person."""
    return _plain(one) == _plain(other)


def _is_another(before: Issued | None, now: Issued | None) -> bool:
    """Whether who had the one link is to be told of the other."""
    return bool(before and now and before.digest != now.digest)


def _plain(email: SecretStr) -> str:
    return email.get_secret_value().strip().lower()


def _status(change: Change) -> Status:
    off = isinstance(change, AppointmentCancelled)
    return Status.CANCELLED if off else Status.BOOKED


def _named(unit: Unit) -> Unit:
    """Another number to call is no news of the appointment."""
    return unit.model_copy(update={"phone": None, "url": None})


def _invited(
    before: Sequence[Invited], booked: Sequence[Companion]
) -> tuple[Invited, ...]:
    """Those whom the booking names, and those whom it names no longer."""
    known = {each.key: replace(each, asked=False) for each in before}
    for each in booked:
        new = Invited(each.role, each.email, each.language)
        held = known.get(new.key, new)
        known[new.key] = replace(held, language=each.language, asked=True)
    return tuple(known.values())


def _recipient(booked: AppointmentBooked) -> Recipient:
    patient = booked.patient
    return Recipient(booked.unit, patient.email, patient.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Sending):
    """One e-mail, from the decision to write it until its end."""

    delivery_id: UUID
    kind: Kind
    revision: int
    link_digest: str
    wanted_at: datetime  # when it is to leave; `due_at` is when to do something next
    asked_by: str | None = None
    role: CompanionRole | None = None  # of a companion; none when it is the patient's
    # Whom it is to, by `Recipient.name`. Unknown of what an older version has written.
    recipient: str | None = field(default=None, repr=False, compare=False)
    domain: str = field(default="", repr=False)  # of the address, for the pace
    ahead: timedelta | None = None  # of a reminder: how long before the start
    minutes: int | None = None  # of a delay: how late

    @property
    def may_have_arrived(self) -> bool:
        return self.state in {State.ACCEPTED, State.SENDING} or self.doubt

    def postponed(self, until: datetime) -> Self:
        return replace(self, due_at=until)

    def orphaned(self, at: datetime) -> Self:
        """Nobody of the appointment is who it was for. One that may be leaving stays."""
        is_waiting = self.state is State.QUEUED
        return self.obsolete(at, Reason.NO_RECIPIENT) if is_waiting else self

    def came_back(self, reason: Reason, at: datetime) -> Self:
        """It has not reached the mailbox; itself when it never left, or long ago."""
        known_until = (self.settled_at or at) + BOUNCES_FOR
        if self.state in {State.FAILED, State.OBSOLETE} or known_until < at:
            return self
        if not self.may_have_arrived:
            return self
        return replace(self._ended(State.FAILED, at), reason=reason, doubt=False)
