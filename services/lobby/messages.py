"""What professionals write and people read, one transaction at a time.

Free text stays here: events, notices, logs and the audit say that something was written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.database import Database
from chassis.outbox import Outbox
from chassis.sessions import StaffSession, VisitSession
from contract.lobby import MessageRead, MessageSent
from services.lobby import message_store, store, whose
from services.lobby.message import FREE_TEXT_KEPT, Canned, Message
from services.lobby.metrics import MESSAGES, MESSAGES_READ
from services.lobby.place import Whom
from services.lobby.refusals import NoSuchMessage


@dataclass(frozen=True, slots=True)
class Messages:
    database: Database
    outbox: Outbox
    clock: Clock
    new_id: Callable[[], UUID]

    async def send(
        self, session: StaffSession, whom: Whom, words: Canned | SecretStr
    ) -> Message:
        """To anybody who has come to a visit of the professional's own unit."""
        now = self.clock()
        code, text = (words, None) if isinstance(words, Canned) else (None, words)
        message = Message(
            message_id=self.new_id(),
            appointment_id=whom.appointment_id,
            person_id=whom.person_id,
            at=now,
            by=whose.who(session),
            code=code,
            text=text,
        )
        async with self.database.writing() as tx:
            visit, _ = await whose.theirs(tx, session, whom)
            visit.check_can_be_written_to(now, FREE_TEXT_KEPT)
            await message_store.save(tx, message)
            deed, kind = MessageSent.topic, code or "free"
            await store.note(tx, now, message.by, deed=deed, on=whom, code=kind)
            await self.outbox.record(tx, _sent(message).about(visit.heard.slot))
        MESSAGES.labels("canned" if code else "free").inc()
        return message

    async def read(self, session: VisitSession, message_id: UUID) -> Message:
        """Whom it was for has seen it: the professional may know."""
        now = self.clock()
        async with self.database.writing() as tx:
            visit = await store.hold_known_visit(tx, session.appointment)
            message = await message_store.message(tx, message_id, whose.me(session))
            if message is None:
                raise NoSuchMessage("There is no such message.")
            if message.read_at:
                return message
            read = message.read(now)
            await message_store.save(tx, read)
            said = MessageRead(
                appointment_id=read.appointment_id,
                person_id=read.person_id,
                message_id=read.message_id,
                at=now,
            )
            slot = visit.heard.slot if visit else None
            await self.outbox.record(tx, said.about(slot))
        MESSAGES_READ.inc()
        return read

    async def forget(self) -> None:
        """What was written in somebody's own words is of no use a day after the visit."""
        async with self.database.writing() as tx:
            await message_store.forget_free_text(tx, self.clock() - FREE_TEXT_KEPT)


def _sent(message: Message) -> MessageSent:
    return MessageSent(
        appointment_id=message.appointment_id,
        person_id=message.person_id,
        message_id=message.message_id,
        professional_id=message.by.id,
        code=message.code,
        at=message.at,
    )
