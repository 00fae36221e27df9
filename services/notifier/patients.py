"""What patients are told who are not at the page: queued as soon as it is so.

Whoever looks at the page is told there, and e-mail is the invitation's. Nothing said here
is about health, and no one is named.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Writer
from contract.appointment import Aspect
from contract.booking import Change
from contract.envelope import Event
from services.notifier import (
    contact_store,
    message_store,
    subscription_store,
    validity,
)
from services.notifier.contact import Contact
from services.notifier.domain import Appointment
from services.notifier.fact import History
from services.notifier.message import Channel, Message, Subject, To
from services.notifier.metrics import MESSAGES
from services.notifier.notifications import Notification

TO_PATIENTS = frozenset(
    {
        Subject.YOUR_TURN,
        Subject.ADMITTED,
        Subject.MESSAGE,
        Subject.DELAY,
        Subject.ON_TIME,
    }
)


@dataclass(frozen=True, slots=True)
class Patients:
    clock: Clock
    new_id: Callable[[], UUID]
    texts: bool  # there is a gateway for text messages

    async def hear(
        self, tx: Writer, _: Event, known: Appointment, history: History
    ) -> None:
        """What the lobby, identity and signalling say."""
        contact = await contact_store.contact(tx, known.appointment_id)
        await self._reconcile(tx, contact, history)

    async def change(
        self,
        tx: Writer,
        event: Change,
        renewed: frozenset[Aspect],
        _: Appointment,
        __: History,
    ) -> None:
        """What the booking system says. A delay of no known slot goes with the old end."""
        before = await contact_store.contact(tx, event.appointment_id)
        contact = before.after(event, renewed)
        await contact_store.keep(tx, contact)
        history = await validity.history(tx, event.appointment_id)
        await self._reconcile(tx, contact, history)

    async def _reconcile(self, tx: Writer, contact: Contact, history: History) -> None:
        """Queue what is to be told and is not queued; what is to be told no more is not."""
        now = self.clock()
        due = await validity.due(tx, history, contact)
        for each in due:
            if each.until > now:
                await self._tell(tx, contact, each)
        for queued in await message_store.hold_queued(
            tx, contact.appointment_id, TO_PATIENTS
        ):
            if not validity.is_due(queued, due):
                await message_store.save(tx, queued.obsolete(now))
                MESSAGES.labels(queued.channel, queued.subject, "obsolete").inc()

    async def _tell(self, tx: Writer, contact: Contact, each: Notification) -> None:
        note = self._note(contact.appointment_id, each)
        if Channel.PUSH in each.ways and each.person_id:
            await self._push(tx, note, each.person_id)
        if Channel.SMS in each.ways:
            await self._text(tx, note, contact)

    def _note(self, appointment_id: str, told: Notification) -> Message:
        """A message whose way is still to be said."""
        now = self.clock()
        return Message(
            message_id=self.new_id(),
            once=f"{appointment_id}/{told.subject}/{told.at.isoformat()}",
            channel=Channel.PUSH,
            to=To.PATIENT,
            subject=told.subject,
            appointment_id=appointment_id,
            person_id=told.person_id,
            codes=told.codes,
            said_at=told.at,
            created_at=now,
            due_at=now,
            until=told.until,
        )

    async def _push(self, tx: Writer, note: Message, person_id: UUID) -> None:
        browsers = await subscription_store.of_visit(
            tx, note.appointment_id, person_id, self.clock()
        )
        for each in browsers:
            pushed = replace(
                note,
                message_id=self.new_id(),
                once=f"{note.once}/{each.subscription_id}",
                channel=Channel.PUSH,
                to=To.SUBSCRIPTION,
                subscription_id=each.subscription_id,
            )
            await message_store.queue(tx, pushed)

    async def _text(self, tx: Writer, note: Message, contact: Contact) -> None:
        """Nothing without consent; who withdraws it later is not written to either."""
        if self.texts and (contact.takes_texts or not contact.is_booked):
            texted = replace(note, once=f"{note.once}/sms", channel=Channel.SMS)
            await message_store.queue(tx, texted)
