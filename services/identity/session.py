"""A session as identity keeps it: ids and times, no name. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

EXTENSIONS_MOST = (
    10  # WCAG 2.2.1 asks that a time can be made longer at least ten times
)


class Kind(StrEnum):
    VISIT = "visit"
    STAFF = "staff"


class Ended(StrEnum):
    """Why a session ended before its time."""

    LOGGED_OUT = "logged_out"
    EVERYWHERE = "everywhere"  # logged out on another device
    UPSTREAM = "upstream"  # the identity provider said so


@dataclass(frozen=True, slots=True)
class Upstream:
    """What an identity provider calls the session that ours came from.

    Of SAML: entity id, NameID, SessionIndex. Of OIDC: `iss`, `sub`, `sid`.
    """

    issuer: str
    subject: str | None = field(default=None, repr=False)
    index: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """Someone is in, until `ends_at`; `sub` is who, as in their token."""

    session_id: UUID
    kind: Kind
    sub: str
    appointment_id: str | None
    created_at: datetime
    renewed_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    why: Ended | None = None
    extensions: int = 0

    def is_live(self, at: datetime) -> bool:
        return self.ended_at is None and at < self.ends_at

    def ended(self, why: Ended, at: datetime) -> Self:
        """A session that is over stays as it ended."""
        return replace(self, ended_at=at, why=why) if self.is_live(at) else self

    def extended(self) -> Self:
        return replace(self, extensions=self.extensions + 1)

    def renewed(self, at: datetime, ends_at: datetime) -> Self:
        return replace(self, renewed_at=at, ends_at=ends_at)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things last."""

    token: timedelta
    visit_after_end: timedelta
    staff: timedelta
    staff_idle: timedelta
    warning: timedelta
    extension: timedelta

    def visit_ends(
        self, session: Session, appointment_ends: datetime, at: datetime
    ) -> datetime:
        """Some time after the appointment, whenever it has been moved to.

        Moved to an earlier time, it throws nobody out without a warning.
        """
        due = appointment_ends + self.visit_after_end
        due += session.extensions * self.extension
        return max(due, min(session.ends_at, at + self.warning))

    def staff_ends(self, created_at: datetime, at: datetime) -> datetime:
        """Some time after the last sign of life, and a working day at most."""
        return min(created_at + self.staff, at + self.staff_idle)

    def warns_at(self, session: Session) -> datetime:
        return session.ends_at - self.warning

    def renews_at(self, at: datetime) -> datetime:
        """Half a token's life: so much may two clocks differ, or a renewal be late."""
        return at + self.token / 2

    def may_stay(self, session: Session) -> bool:
        """Whether a tap makes the session longer."""
        if session.kind is Kind.STAFF:
            return session.ends_at < session.created_at + self.staff
        return session.extensions < EXTENSIONS_MOST

    def cookie_ends(self, session: Session) -> datetime:
        """Longer than the token in it: a lapsed one can be renewed."""
        if session.kind is Kind.STAFF:
            return session.created_at + self.staff
        return session.ends_at
