"""What patients are told who are not at the page, decided as it is heard.

Whoever looks at the page is told there, and e-mail is the invitation's. Nothing said here
is about health, and no one is named.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Writer
from contract.appointment import Aspect
from contract.booking import Change
from contract.envelope import Event
from contract.identity import PatientIdentified
from contract.lobby import (
    AppointmentDelayed,
    AppointmentMissed,
    AppointmentUnserved,
    MessageRead,
    MessageSent,
    PatientAdmitted,
    PatientAway,
    PatientBack,
    PatientLeft,
    PatientRefused,
    PatientSummoned,
    PatientWaiting,
)
from contract.signalling import CallEnded
from services.notifier import contact_store, message_store, subscription_store
from services.notifier.contact import Attendee, Contact, Where
from services.notifier.domain import Appointment
from services.notifier.message import NO_CODES, Channel, Message, Subject, To
from services.notifier.metrics import MESSAGES

CALLS = frozenset({Subject.YOUR_TURN, Subject.ADMITTED})
TO_ONE = CALLS | {Subject.MESSAGE}
DELAYS = frozenset({Subject.DELAY, Subject.ON_TIME})
ADMITTED_FOR = timedelta(minutes=30)  # then the professional has gone on
MESSAGE_FOR = timedelta(hours=1)
AFTER_THE_END = timedelta(hours=1)

Codes = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Patients:
    clock: Clock
    new_id: Callable[[], UUID]
    texts: bool  # there is a gateway for text messages

    async def hear(self, tx: Writer, event: Event, known: Appointment) -> None:
        """What the lobby, identity and signalling say."""
        match event:
            case PatientIdentified() | PatientWaiting() | PatientBack():
                await self._came(tx, event)
            case PatientLeft() | PatientAway():
                await self._went(tx, event)
            case PatientSummoned():
                await self._summoned(tx, event)
            case PatientAdmitted():
                await self._admitted(tx, event)
            case PatientRefused():
                await self._withdraw(tx, event.appointment_id, CALLS, event.person_id)
            case MessageSent():
                await self._written_to(tx, event)
            case MessageRead():
                await self._read(tx, event)
            case AppointmentDelayed():
                await self._delayed(tx, event)
            case AppointmentMissed() | AppointmentUnserved() | CallEnded():
                await self._withdraw(tx, known.appointment_id, TO_ONE | DELAYS)

    async def change(
        self,
        tx: Writer,
        event: Change,
        renewed: frozenset[Aspect],
        changed: Appointment,
    ) -> None:
        """What the booking system says. What was to be told of the old time is not."""
        before = await contact_store.contact(tx, event.appointment_id)
        after = before.after(event, renewed)
        await contact_store.keep(tx, after)
        moved = before.ends_at is not None and before.ends_at != after.ends_at
        if after.cancelled or moved:
            await self._withdraw(tx, changed.appointment_id, TO_ONE | DELAYS)
        elif after.ends_at and after.delay != after.told_delay:
            await self._tell_delay(tx, after, self.clock())

    async def _came(
        self, tx: Writer, event: PatientIdentified | PatientWaiting | PatientBack
    ) -> None:
        known = (await _attendee(tx, event)).was_here(event.at)
        if isinstance(event, PatientIdentified):
            known = replace(known, role=event.role)
        await contact_store.seat(tx, known)
        if known.where is Where.HERE:
            await self._withdraw(tx, event.appointment_id, TO_ONE, event.person_id)

    async def _went(self, tx: Writer, event: PatientLeft | PatientAway) -> None:
        known = await _attendee(tx, event)
        if isinstance(event, PatientAway):
            gone = known.went_away(event.at)
            await self._call_in(tx, gone)  # the door may have been opened meanwhile
        else:
            gone = known.left(event.at)
        await contact_store.seat(tx, gone)
        if gone.where is Where.GONE:
            await self._withdraw(tx, event.appointment_id, TO_ONE, event.person_id)

    async def _summoned(self, tx: Writer, event: PatientSummoned) -> None:
        known = await _attendee(tx, event)
        if known.here_at is not None and known.here_at >= event.at:
            return  # they have come already
        codes: Codes = {"until": event.until.isoformat()}
        note = self._note(
            event.appointment_id, Subject.YOUR_TURN, event.at, event.until, codes
        )
        await self._call(tx, known, note)

    async def _admitted(self, tx: Writer, event: PatientAdmitted) -> None:
        admitted = (await _attendee(tx, event)).admitted(event.at)
        await contact_store.seat(tx, admitted)
        turn = {Subject.YOUR_TURN}
        await self._withdraw(tx, event.appointment_id, turn, event.person_id)
        await self._call_in(tx, admitted)

    async def _call_in(self, tx: Writer, known: Attendee) -> None:
        if known.is_admitted_while_away and known.admitted_at:
            at = known.admitted_at
            until = at + ADMITTED_FOR
            note = self._note(known.appointment_id, Subject.ADMITTED, at, until)
            await self._call(tx, known, note)

    async def _call(self, tx: Writer, known: Attendee, note: Message) -> None:
        """By push to their browsers; by text message if the telephone is theirs.

        Who has not been heard of yet may be anyone: that is judged when it is sent.
        """
        await self._push(tx, note, known.person_id)
        if known.role is None or known.has_the_telephone:
            await self._text(tx, note, known.person_id)

    async def _written_to(self, tx: Writer, event: MessageSent) -> None:
        known = await _attendee(tx, event)
        if known.is_away:
            codes: Codes = {"message_id": str(event.message_id)}
            until = event.at + MESSAGE_FOR
            note = self._note(
                event.appointment_id, Subject.MESSAGE, event.at, until, codes
            )
            await self._push(tx, note, event.person_id)

    async def _read(self, tx: Writer, event: MessageRead) -> None:
        subject = {Subject.MESSAGE}
        held = await message_store.hold_queued(tx, event.appointment_id, subject)
        for each in held:
            if each.codes.get("message_id") == str(event.message_id):
                await self._obsolete(tx, each)

    async def _delayed(self, tx: Writer, event: AppointmentDelayed) -> None:
        at = self.clock()
        contact = await contact_store.contact(tx, event.appointment_id)
        contact = contact.delayed(event, at)
        await contact_store.keep(tx, contact)
        if contact.ends_at and contact.is_worth_telling(event):
            await self._tell_delay(tx, contact, at)

    async def _tell_delay(self, tx: Writer, contact: Contact, at: datetime) -> None:
        """By push to who is away; by text message if who has the telephone is not here.

        What was queued of another delay is true no more.
        """
        await self._withdraw(tx, contact.appointment_id, DELAYS)
        await contact_store.keep(tx, contact.told())
        if contact.cancelled or contact.ends_at is None:
            return
        subject = Subject.DELAY if contact.delay else Subject.ON_TIME
        until = contact.ends_at + timedelta(minutes=contact.delay)
        codes: Codes = {"minutes": contact.delay} if contact.delay else {}
        said_at = contact.delayed_at or at
        note = self._note(contact.appointment_id, subject, said_at, until, codes)
        people = await contact_store.attendees(tx, contact.appointment_id)
        for each in people:
            if each.is_away:
                await self._push(tx, note, each.person_id)
        if not any(
            each.where is Where.HERE and each.has_the_telephone for each in people
        ):
            await self._text(tx, note, None)

    def _note(
        self,
        appointment_id: str,
        subject: Subject,
        at: datetime,
        until: datetime,
        codes: Codes | None = None,
    ) -> Message:
        """A message whose way is still to be said. `at` tells it from others like it."""
        now = self.clock()
        return Message(
            message_id=self.new_id(),
            once=f"{appointment_id}/{subject}/{at.isoformat()}",
            channel=Channel.PUSH,
            to=To.PATIENT,
            subject=subject,
            appointment_id=appointment_id,
            codes=codes or NO_CODES,
            created_at=now,
            due_at=now,
            until=until,
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
                person_id=person_id,
                subscription_id=each.subscription_id,
            )
            await message_store.queue(tx, pushed)

    async def _text(self, tx: Writer, note: Message, person_id: UUID | None) -> None:
        """Nothing without consent; who withdraws it later is not written to either."""
        contact = await contact_store.contact(tx, note.appointment_id)
        if self.texts and (contact.takes_texts or not contact.is_booked):
            texted = replace(
                note,
                message_id=self.new_id(),
                once=f"{note.once}/sms",
                channel=Channel.SMS,
                to=To.PATIENT,
                person_id=person_id,
            )
            await message_store.queue(tx, texted)

    async def _withdraw(
        self,
        tx: Writer,
        appointment_id: str,
        subjects: Collection[Subject],
        person_id: UUID | None = None,
    ) -> None:
        """What has not left yet is not needed any more: by this person, or by anyone."""
        for each in await message_store.hold_queued(tx, appointment_id, subjects):
            if person_id is None or each.person_id == person_id:
                await self._obsolete(tx, each)

    async def _obsolete(self, tx: Writer, message: Message) -> None:
        obsolete = message.obsolete(self.clock())
        await message_store.save(tx, obsolete)
        MESSAGES.labels(message.channel, message.subject, obsolete.state).inc()


async def _attendee(
    tx: Writer,
    event: PatientIdentified
    | PatientWaiting
    | PatientBack
    | PatientLeft
    | PatientAway
    | PatientSummoned
    | PatientAdmitted
    | MessageSent,
) -> Attendee:
    return await contact_store.attendee(tx, event.appointment_id, event.person_id)
