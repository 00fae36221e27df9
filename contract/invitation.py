"""What invitation says."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, Field

from contract.booking import CompanionRole
from contract.slot import SlotEvent


class Kind(StrEnum):
    """What the message was about."""

    INVITATION = "invitation"
    UPDATE = "update"
    CANCELLATION = "cancellation"
    REMINDER = "reminder"
    DELAY = "delay"


class InvitationIssued(SlotEvent):
    """The appointment has a link. Its SHA-256 digest (hex) is said, never the link."""

    topic: ClassVar[str] = "invitation.issued"

    link_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    "SHA-256 of the link's token, in hex."
    expires_at: AwareDatetime
    "The link opens nothing after this. The newest word about a link counts."
    role: CompanionRole | None = None
    "As what the link lets someone in, when it is a companion's and not the patient's."


class InvitationSent(SlotEvent):
    """A mail server has taken the message."""

    topic: ClassVar[str] = "invitation.sent"

    kind: Kind
    role: CompanionRole | None = None
    "To a companion of this role; to the patient unless said."


class InvitationFailed(SlotEvent):
    """The message could not be delivered; `reason` is a code, never an address."""

    topic: ClassVar[str] = "invitation.failed"

    kind: Kind
    reason: str | None = Field(default=None, max_length=64)
    "A code, never an address or a mail server's own words."
    role: CompanionRole | None = None
    "To a companion of this role; to the patient unless said."
