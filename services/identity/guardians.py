"""The port to whoever knows whose guardian someone is; two of its adapters need no network.

Whatever goes wrong behind it, the guardian is not let in.
"""

from dataclasses import dataclass
from typing import Protocol

from services.identity.domain import Attendee, GuardianNotConfirmed
from services.identity.national_id import NationalId


@dataclass(frozen=True, slots=True)
class Claim:
    """Someone has said, by an act of their own, that they act for the child."""

    appointment_id: str
    who: str  # the guardian's person_id
    guardian: NationalId
    child: Attendee


class Guardianship(Protocol):
    def unlisted(self, someone: Attendee) -> Attendee | None:
        """Someone whom the booking does not name, if they may be a guardian all the same."""

    def check_heard(self) -> None:
        """Raises `GuardianNotConfirmed` when no guardian is heard at all."""

    async def confirm(self, claim: Claim) -> None:
        """Raises `GuardianNotConfirmed`."""


class BookingsList:
    """The unit has named the guardians; that they still stand there is the flow's to see."""

    def unlisted(self, _: Attendee) -> None:
        return None

    def check_heard(self) -> None:
        """Everyone is."""

    async def confirm(self, _: Claim) -> None:
        """Nothing more is asked."""


class Nobody:
    """No guardian enters: children come with credentials of their own, or by phone."""

    def unlisted(self, _: Attendee) -> None:
        return None

    def check_heard(self) -> None:
        raise GuardianNotConfirmed("Guardians do not enter here.")

    async def confirm(self, _: Claim) -> None:
        raise GuardianNotConfirmed("Guardians do not enter here.")
