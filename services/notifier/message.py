"""One message to somebody who may not be looking at a page. Pure.

It says what happened by ids and codes, and to whom by naming them: a telephone number, an
address or an endpoint is looked up when it is sent, and stands in no message.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.sending import Sending
from services.notifier.fact import NO_CODES, Codes


class Channel(StrEnum):
    """By which way. Each has couriers of its own: a slow one holds up no other."""

    SMS = "sms"
    PUSH = "push"
    EMAIL = "email"
    WEBHOOK = "webhook"


# These name the message, and whoever gets it twice shows it once.
REPEATABLE = frozenset({Channel.PUSH, Channel.WEBHOOK})


class To(StrEnum):
    """Who is told."""

    PATIENT = "patient"  # at the telephone number of the booking
    SUBSCRIPTION = "subscription"  # a browser that agreed to be told
    DUTY = "duty"  # of the unit
    SYSTEM = "system"  # of the unit, by webhook


class Subject(StrEnum):
    """What a message is about. The texts have words for each."""

    YOUR_TURN = "your_turn"  # the professional is ready and asks them to come
    ADMITTED = "admitted"  # the door is open while they are away
    DELAY = "delay"
    ON_TIME = "on_time"  # after a delay
    MESSAGE = "message"  # a professional wrote to them while they are away
    DOORBELL = "doorbell"  # to staff: somebody waits
    EVENT = "event"  # to a system: what was said on Kafka, by ids and codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Sending):
    """`once`: of two messages with the same key only the first is sent.

    `said_at`: when that happened of which it tells; it is sent while that still holds.
    `until`: from then on nobody needs it any more. `reference`: the supplier's name of it.
    """

    message_id: UUID
    once: str
    channel: Channel
    to: To
    subject: Subject
    appointment_id: str
    until: datetime
    unit_id: str | None = None
    person_id: UUID | None = None
    subscription_id: UUID | None = None
    said_at: datetime | None = None
    codes: Codes = field(default_factory=lambda: NO_CODES)
    reference: str | None = None

    @property
    def is_repeatable(self) -> bool:
        return self.channel in REPEATABLE
