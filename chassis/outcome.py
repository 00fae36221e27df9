"""What may come of handing a message to a supplier, in our words and not the supplier's."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

PAUSES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 300, 900, 1800, 3600))


class Reason(StrEnum):
    """Why a message failed."""

    ADDRESS_REFUSED = "address_refused"
    MAILBOX_FULL = "mailbox_full"
    MESSAGE_REFUSED = "message_refused"
    UNWRITABLE = "unwritable"  # something in the booking cannot be put into a message
    NO_ANSWER = "no_answer"  # tried for as long as it made sense
    NO_ADDRESS = "no_address"  # nobody has said where to
    RECEIVER_GONE = "receiver_gone"  # it said so, and wants no more
    NO_RECIPIENT = "no_recipient"  # nobody of the appointment is who it was for


@dataclass(frozen=True, slots=True)
class Accepted:
    """The supplier has taken the message, and with it the duty to deliver it."""

    reference: str | None = None  # what the supplier calls it


class Cause(StrEnum):
    """Why it does not work now."""

    LATER = "later"  # the supplier says so of this message
    SLOWER = "slower"  # it says so of whoever sends: too much at once
    AWAY = "away"  # nobody answers, or not to the end
    OURS = "ours"  # how we come is not how it wants us to: ours to mend
    FAULT = "fault"  # something of ours failed before any supplier could answer
    UNTRUE = "untrue"  # what it says was no longer so when the supplier was ready


@dataclass(frozen=True, slots=True)
class NotNow:
    """It may work later. `doubt`: the supplier may have taken it and could not say so.

    `after`: the supplier asked to be left in peace for so long.
    """

    doubt: bool = False
    after: timedelta | None = None
    cause: Cause = Cause.LATER


@dataclass(frozen=True, slots=True)
class Never:
    """It will not work however often it is tried."""

    reason: Reason


Outcome = Accepted | NotNow | Never


def pause(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many tries; `chance`, from 0 to 1, spreads them out."""
    return PAUSES[min(attempts, len(PAUSES)) - 1] * (0.5 + chance)


def word(result: Outcome) -> str:
    """As metrics count it."""
    match result:
        case Accepted():
            return "accepted"
        case NotNow():
            return "not_now"
        case Never():
            return "never"
