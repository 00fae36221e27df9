"""A session as identity keeps it: ids and times, no name. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID


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

    def is_live(self, at: datetime) -> bool:
        return self.ended_at is None and at < self.ends_at

    def ended(self, why: Ended, at: datetime) -> Self:
        """A session that is over stays as it ended."""
        return replace(self, ended_at=at, why=why) if self.is_live(at) else self
