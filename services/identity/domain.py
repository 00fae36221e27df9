"""Who may attend, and when. Pure: no clock, no database, no network."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from chassis.refusal import Refusal
from contract.appointment import Aspect, Heard
from contract.booking import AppointmentCancelled, Change, CompanionRole, Timed
from contract.identity import Role
from services.identity.session import Upstream

FINLAND = ZoneInfo("Europe/Helsinki")
ADULT = 18
OPEN_AFTER_END = timedelta(minutes=15)
ATTEMPT_LASTS = timedelta(minutes=10)
ACT_LASTS = timedelta(minutes=10)
RELOAD_WITHIN = timedelta(minutes=1)  # of coming back from a provider
UNKNOWN_NAME = "-"
UNHEARD = Heard()


class LinkUnknown(Refusal):
    code = "link_unknown"


class AppointmentIsCancelled(Refusal):
    code = "appointment_cancelled"


class AppointmentIsOver(Refusal):
    code = "appointment_over"


class AnotherAppointment(Refusal):
    """The link belongs to another appointment than the session does."""

    code = "another_appointment"


class HandoverOver(Refusal):
    """The code for another device is unknown, too old, or was used."""

    code = "handover_over"


class IdentificationCancelled(Refusal):
    code = "identification_cancelled"


class IdentificationExpired(Refusal):
    """The way back is not, or no longer, open; perhaps it has been walked already."""

    code = "identification_expired"

    def __init__(self, attempt: "Attempt | None" = None) -> None:
        super().__init__("This identification has been used, or took too long.")
        self.attempt = attempt


class Why(StrEnum):
    """Why an identification failed: for operations, never for the person."""

    PROVIDER_SAID_NO = "provider_said_no"
    PROVIDER_AWAY = "provider_away"
    NO_CODE = "no_code"
    NO_TOKEN = "no_token"  # noqa: S105 - a word, not a token
    NOT_ENCRYPTED = "not_encrypted"
    NOT_OPENED = "not_opened"
    UNKNOWN_KEY = "unknown_key"
    NOT_VERIFIED = "not_verified"
    NOT_SIGNED = "not_signed"
    NOT_UNDERSTOOD = "not_understood"
    SEEN_BEFORE = "seen_before"
    WRONG_CLAIM = "wrong_claim"
    WRONG_NATIONAL_ID = "wrong_national_id"
    WRONG_BIRTH_DATE = "wrong_birth_date"


class IdentificationFailed(Refusal):
    """`about` names what was wrong, such as a claim, and never quotes it."""

    code = "identification_failed"

    def __init__(self, why: Why, about: str = "") -> None:
        super().__init__("The identification did not succeed.")
        self.why = why
        self.about = about


class NotOpened(Exception):
    """Nobody sealed this for us, or somebody has changed it since."""


class WrongPerson(Refusal):
    code = "wrong_person"


class ChildNeedsOwnCredentials(Refusal):
    code = "child_needs_own_credentials"


class GuardianNotConfirmed(Refusal):
    """Nobody vouches for this guardian. Why is not asked, and must not be guessed."""

    code = "guardian_not_confirmed"


class NoPersonalCode(Refusal):
    code = "no_personal_code"


class StaffNotAllowed(Refusal):
    code = "staff_not_allowed"


class LogoutNotTaken(Refusal):
    """A provider's word that a session ended, which does not hold."""

    code = "logout_not_taken"


# What a booking calls a companion, and in what role they attend. Nobody of another
# organisation gets a professional's rights here.
COMPANIONS: Mapping[CompanionRole, Role] = MappingProxyType(
    {
        "interpreter": Role.INTERPRETER,
        "relative": Role.RELATIVE,
        "professional": Role.VISITING_PROFESSIONAL,
    }
)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link opens, and for whom: a companion of this role, or the patient's side."""

    appointment_id: str
    companion: CompanionRole | None

    def is_of(self, appointment_id: str, role: str) -> bool:
        """Whether who is in, in this role, may have come by it."""
        if self.companion is not None:
            roles = {COMPANIONS[self.companion]}
        else:
            roles = {Role.PATIENT, Role.GUARDIAN}
        return appointment_id == self.appointment_id and role in roles


class Status(StrEnum):
    BOOKED = "booked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Digest:
    """A personal identity code under a secret key; `key_id` says which."""

    key_id: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attendee:
    """Someone who is expected."""

    role: Role
    digest: Digest
    birth_date: date = field(repr=False)
    # A child's code, where it must be told on to ask who the guardians are.
    sealed: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Appointment:
    """What has been heard so far; times and attendees may be yet to come."""

    appointment_id: str
    heard: Heard = UNHEARD
    status: Status = Status.BOOKED
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    attendees: tuple[Attendee, ...] = ()

    def after(self, said: Change, attendees: tuple[Attendee, ...] = ()) -> Self:
        """The appointment when this was said of it, in whatever order it is heard."""
        news = self.heard.renewed_by(said)
        now = replace(self, heard=self.heard.and_then(said))
        if Aspect.DETAILS in news:
            now = replace(now, attendees=attendees)
        if Aspect.TIMES in news and isinstance(said, Timed):
            now = replace(now, starts_at=said.starts_at, ends_at=said.ends_at)
        if Aspect.STATUS in news:
            now = replace(now, status=_status(said))
        return now.without_codes() if now.status is Status.CANCELLED else now

    def without_codes(self) -> Self:
        """Nobody attends any more, so nobody is asked about."""
        erased = tuple(replace(each, sealed=None) for each in self.attendees)
        return replace(self, attendees=erased)

    @property
    def is_known(self) -> bool:
        """The booking itself has been heard, and not only a word about it."""
        return bool(self.attendees) and self.ends_at is not None

    def check_open(self, at: datetime) -> None:
        """Raises `AppointmentIsCancelled` or `AppointmentIsOver`."""
        if self.status is Status.CANCELLED:
            raise AppointmentIsCancelled("The appointment has been cancelled.")
        if self.ends_at is not None and at > self.ends_at + OPEN_AFTER_END:
            raise AppointmentIsOver("The appointment is over.")

    @property
    def patient(self) -> Attendee:
        return next(each for each in self.attendees if each.role is Role.PATIENT)

    def expected(
        self,
        digests: Collection[Digest],
        today: date,
        age_limit: int,
        unlisted: Attendee | None = None,
    ) -> Attendee:
        """The attendee with one of these digests, if they may enter today.

        `unlisted` is who they are as a guardian whom the booking need not name. Raises
        `ChildNeedsOwnCredentials` for the named guardian of a child who has reached the
        limit, `WrongPerson` for anyone who is not expected.
        """
        found = {each.role: each for each in self.attendees if each.digest in digests}
        if patient := found.get(Role.PATIENT):
            return patient
        years = age(self.patient.birth_date, today)
        guardian = found.get(Role.GUARDIAN)
        if guardian and age_limit <= years < ADULT:
            raise ChildNeedsOwnCredentials("The child identifies themselves.")
        return self._acting(guardian or unlisted, years, age_limit)

    def _acting(self, someone: Attendee | None, years: int, age_limit: int) -> Attendee:
        if someone is None or years >= age_limit:
            raise WrongPerson("This person is not expected here.")
        return someone

    def accompanied(self, someone: Attendee, digests: Collection[Digest]) -> Attendee:
        """Someone came by a companion's link. Raises `WrongPerson` for the patient.

        A patient's link lets nobody in as a companion, nor a companion's as the patient.
        """
        if self.patient.digest in digests:
            raise WrongPerson("The patient has a link of their own.")
        return someone


def _status(said: Change) -> Status:
    cancelled = isinstance(said, AppointmentCancelled)
    return Status.CANCELLED if cancelled else Status.BOOKED


def age(born: date, today: date) -> int:
    """In whole years; a year is reached on the birthday itself."""
    years = today.year - born.year
    return years if today >= _birthday(born, today.year) else years - 1


def _birthday(born: date, year: int) -> date:
    """Born on 29 February, one is a year older on the 28th of a common year.

    No source settles it; this ends a guardian's right the day sooner.
    """
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


@dataclass(frozen=True, slots=True)
class Question:
    """What makes one trip to an identity provider ours: sent along, and checked back."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class Purpose(StrEnum):
    VISIT = "visit"
    STAFF = "staff"
    STEP_UP = "step_up"  # the same again, at a higher level


@dataclass(frozen=True, slots=True)
class Attempt:
    """Someone is on their way to an identity provider and back, once."""

    question: Question
    purpose: Purpose
    browser: bytes = field(repr=False)
    begun_at: datetime
    appointment_id: str | None = None
    used_at: datetime | None = None
    link_digest: str | None = field(default=None, repr=False)

    def used(self, purposes: Collection[Purpose], browser: bytes, at: datetime) -> Self:
        """Raises `IdentificationExpired` unless it comes back once, soon, where it began."""
        ours = self.purpose in purposes and browser == self.browser
        if not ours or self.used_at is not None or at > self.begun_at + ATTEMPT_LASTS:
            raise IdentificationExpired(self)
        return replace(self, used_at=at)

    def was_just_used(self, browser: bytes, at: datetime) -> bool:
        """Whether this browser came back a moment ago: then this is perhaps a reload."""
        if self.used_at is None or browser != self.browser:
            return False
        return at <= self.used_at + RELOAD_WITHIN


@dataclass(frozen=True, slots=True)
class Person:
    """Who an identity provider says someone is."""

    national_id: SecretStr | None
    name: SecretStr
    birth_date: date | None = field(repr=False)
    method: str
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A guardian has identified, and is asked whether they act for the child."""

    appointment_id: str
    person: Person
    begun_at: datetime

    def check_fresh(self, at: datetime) -> None:
        """Raises `IdentificationExpired`."""
        if at > self.begun_at + ACT_LASTS:
            raise IdentificationExpired


@dataclass(frozen=True, slots=True)
class Professional:
    """Who the county's identity provider says someone is."""

    professional_id: str
    name: str = field(repr=False)
    units: tuple[str, ...]
    level: str | None = None  # how strongly they proved it
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """A provider's word that a session of its has ended; `once` names this word."""

    session: Upstream
    once: str


class What(StrEnum):
    IDENTIFIED = "identified"
    CAME_BACK = "came_back"
    ACTS_FOR_CHILD = "acts_for_child"  # a guardian has said so, by an act of their own
    DOES_NOT_ACT = "does_not_act"  # ... or has said no
    HANDED_OVER = "handed_over"  # to another device of theirs
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"  # here, elsewhere, or by the provider, as the code says
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the audit: by ids only."""

    at: datetime
    what: What
    who: str | None
    appointment_id: str | None
    code: str | None = None
    role: Role | None = None
