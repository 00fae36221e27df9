"""Whether a message still holds: asked when it is claimed, and again at each try.

A message that calls somebody to do something is sent while they still should. A webhook
is a record of what happened, which stays true.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from chassis.database import Reader
from contract.appointment import Heard
from services.notifier import (
    contact_store,
    doorbell_store,
    fact_store,
    message_store,
    store,
)
from services.notifier.contact import Contact
from services.notifier.fact import History
from services.notifier.message import Message, Subject
from services.notifier.notifications import Notification, notifications

Judge: TypeAlias = Callable[[Reader, Message, datetime], Awaitable[bool]]


async def history(tx: Reader, appointment_id: str) -> History:
    known = await store.appointment(tx, appointment_id)
    heard = known.heard if known else Heard()
    return await fact_store.history(tx, appointment_id, heard)


async def due(tx: Reader, history: History, contact: Contact) -> list[Notification]:
    """What the people of this appointment are to be told now."""
    has_left = await message_store.delay_has_left(tx, contact.appointment_id)
    return notifications(history, contact, delay_has_left=has_left)


def is_due(message: Message, due: Sequence[Notification]) -> bool:
    """Whether the message tells one of these. Of one that an older version wrote nobody
    knows what it tells; its `until` is near."""
    if message.said_at is None:
        return True
    mine = (message.subject, message.said_at, message.person_id)
    return any(
        mine == (each.subject, each.at, each.person_id) and message.channel in each.ways
        for each in due
    )


async def holds(tx: Reader, message: Message, at: datetime) -> bool:
    return await HOLDS[message.subject](tx, message, at)


async def _is_still_due(tx: Reader, message: Message, _: datetime) -> bool:
    contact = await contact_store.contact(tx, message.appointment_id)
    known = await history(tx, message.appointment_id)
    return is_due(message, await due(tx, known, contact))


async def _somebody_still_waits(tx: Reader, message: Message, at: datetime) -> bool:
    return await doorbell_store.rings(tx, message, at)


async def _always(_: Reader, __: Message, ___: datetime) -> bool:
    return True


# What must still be so when a message leaves, by what it is about.
HOLDS: Mapping[Subject, Judge] = {
    # They have not come, left, been admitted, refused or called anew, since the summons.
    Subject.YOUR_TURN: _is_still_due,
    # They were away then, and have not come, left, been refused or sent back since.
    Subject.ADMITTED: _is_still_due,
    # They were away then, and have not come, left or read it since.
    Subject.MESSAGE: _is_still_due,
    # It is the last delay worth telling, and nobody has come or been admitted since.
    Subject.DELAY: _is_still_due,
    # The same, and a delay has left before.
    Subject.ON_TIME: _is_still_due,
    # All of these: the slot holds, it is not cancelled, and the call is not over.
    Subject.DOORBELL: _somebody_still_waits,
    Subject.EVENT: _always,
}
