"""What is on its way is made to agree with what is true, within a flow's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.database import Writer
from chassis.outbox import Outbox
from chassis.refusal import Unavailable
from chassis.sending import State
from contract.invitation import (
    InvitationFailed,
    InvitationIssued,
    InvitationSent,
)
from contract.slot import Slot
from services.invitation import delivery_store, link_store
from services.invitation.domain import (
    Appointment,
    Delivery,
    Issued,
    Status,
)
from services.invitation.due import Rules, Wanted, due, is_missed, revised
from services.invitation.link import Links
from services.invitation.metrics import DELIVERIES


@dataclass(frozen=True, slots=True)
class Telling:
    """Issues links, plans deliveries, and says what became of them."""

    outbox: Outbox
    links: Links
    link_lifetime: timedelta
    rules: Rules
    new_id: Callable[[], UUID]

    async def issued(
        self, tx: Writer, appointment: Appointment, at: datetime
    ) -> Appointment:
        """Say which links open this appointment, and until when, if that is news.

        Whoever has a link that is withdrawn here is to be told of the new one, so that
        it is a new revision for them: `LINK_SECRET` may be another one by now.
        """
        if not appointment.is_known:
            return appointment
        companions = []
        for each in appointment.companions:
            say = self._issue if each.asked else self._withdraw
            issued = await say(tx, appointment.seen_by(each), at)
            companions.append(each.with_link(issued))
        issued = await self._issue(tx, appointment, at)
        return replace(appointment, companions=tuple(companions)).with_link(issued)

    def has_other_links(self, appointment: Appointment, at: datetime) -> bool:
        """Whether somebody has been given a link that the present secret does not make."""
        return appointment.is_known and any(
            seen.issued is not None and seen.issued.digest != self.digest(seen)
            for seen in appointment.views()
            if seen.status is Status.BOOKED and not seen.is_over(at)
        )

    async def _issue(
        self, tx: Writer, seen: Appointment, at: datetime
    ) -> Issued | None:
        if seen.status is Status.CANCELLED or seen.is_over(at):
            return seen.issued
        _, times = seen.known()
        issued = Issued(self.digest(seen), times.ends_at + self.link_lifetime)
        if issued != seen.issued and await link_store.is_superseded(tx, self.links.key):
            raise Unavailable("Another LINK_SECRET is in use: this instance is old.")
        if seen.issued and seen.issued.digest != issued.digest:
            await self._withdraw(tx, seen, at)
        if issued != seen.issued:
            await self._say_issued(tx, seen, issued)
        return issued

    async def _withdraw(
        self, tx: Writer, seen: Appointment, at: datetime
    ) -> Issued | None:
        """A companion is asked no longer, or the patient has another address: the link
        opens nothing from now on."""
        if seen.issued is None or seen.issued.until <= at:
            return seen.issued
        withdrawn = replace(seen.issued, until=at)
        await self._say_issued(tx, seen, withdrawn)
        return withdrawn

    async def _say_issued(self, tx: Writer, seen: Appointment, issued: Issued) -> None:
        recipient, _ = seen.known()
        said = InvitationIssued(
            appointment_id=seen.appointment_id,
            link_digest=issued.digest,
            expires_at=issued.until,
            role=recipient.role,
        )
        await self.outbox.record(tx, said.about(seen.heard.slot))

    async def agree(
        self,
        tx: Writer,
        appointment: Appointment,
        stored: Sequence[Delivery],
        current: Sequence[Delivery],
        at: datetime,
    ) -> Sequence[Delivery]:
        """Make what is on its way agree with what is true; keep what differs."""
        if not appointment.is_known:
            return current
        agreed: list[Delivery] = []
        for seen in appointment.views():
            agreed += self._agreed(seen, self.theirs(seen, current), at)
        owned = {each.delivery_id for each in agreed}
        agreed += [
            each.orphaned(at) for each in current if each.delivery_id not in owned
        ]
        await self.keep(
            tx, appointment, *(each for each in agreed if each not in stored)
        )
        return agreed

    async def came_back(
        self, tx: Writer, appointment: Appointment, back: Delivery, at: datetime
    ) -> None:
        """Always kept, and said while somebody lacks what it told."""
        lacking = (
            is_missed(seen, each, at)
            for seen in appointment.views()
            for each in self.theirs(seen, [back])
        )
        if any(lacking):
            await self.keep(tx, appointment, back)
        else:
            await delivery_store.put(tx, appointment.appointment_id, back)

    def _agreed(
        self, seen: Appointment, deliveries: Sequence[Delivery], at: datetime
    ) -> Sequence[Delivery]:
        """What one recipient is told, and is to be told."""
        agreed = list(revised(seen, deliveries, self.rules, at))
        wanted = due(seen, agreed, self.digest(seen), self.rules, at)
        return [*agreed, *(self.written(seen, each, at) for each in wanted)]

    def theirs(
        self, seen: Appointment, deliveries: Sequence[Delivery]
    ) -> Sequence[Delivery]:
        """Of the deliveries about an appointment, those to who sees this of it.

        A patient's address may change, so theirs need not be to the present one.
        """
        recipient, _ = seen.known()
        named = [self._named(each, seen) for each in deliveries]
        if recipient.role is None:
            return [each for each in named if each.role is None]
        return [each for each in named if each.recipient == recipient.name]

    def _named(self, delivery: Delivery, seen: Appointment) -> Delivery:
        """What an instance of an older version has written names nobody."""
        recipient, _ = seen.known()
        is_theirs = delivery.link_digest == self.digest(seen)
        if delivery.recipient is None and is_theirs:
            return replace(delivery, recipient=recipient.name)
        return delivery

    def seen_by(self, appointment: Appointment, delivery: Delivery) -> Appointment:
        return next(
            seen for seen in appointment.views() if self.theirs(seen, [delivery])
        )

    def is_true(
        self,
        appointment: Appointment,
        stored: Sequence[Delivery],
        leased: Delivery,
        at: datetime,
    ) -> bool:
        """Whether what is being sent would still be sent, were it decided now."""
        queued = replace(leased, state=State.QUEUED, due_at=at, lease=None)
        current = [queued if each is leased else each for each in stored]
        return any(
            each.state is State.QUEUED and each.due_at <= at
            for seen in appointment.views()
            for each in revised(seen, self.theirs(seen, current), self.rules, at)
            if each.delivery_id == leased.delivery_id
        )

    def written(self, seen: Appointment, wanted: Wanted, at: datetime) -> Delivery:
        recipient, _ = seen.known()
        return Delivery(
            delivery_id=self.new_id(),
            kind=wanted.kind,
            revision=seen.revision,
            link_digest=self.digest(seen),
            created_at=at,
            wanted_at=wanted.at,
            due_at=wanted.at,
            role=recipient.role,
            recipient=recipient.name,
            domain=recipient.domain,
            ahead=wanted.ahead,
            minutes=wanted.minutes,
        )

    def digest(self, appointment: Appointment) -> str:
        recipient, _ = appointment.known()
        return self.links.digest(
            appointment.appointment_id, recipient.email, recipient.role
        )

    async def keep(
        self, tx: Writer, appointment: Appointment, *changed: Delivery
    ) -> None:
        """And say of each that has come to an end which it was."""
        if not changed:
            return
        await delivery_store.put(tx, appointment.appointment_id, *changed)
        for each in changed:
            await self.say(tx, appointment.appointment_id, each, appointment.heard.slot)

    async def say(
        self, tx: Writer, appointment_id: str, each: Delivery, slot: Slot | None = None
    ) -> None:
        DELIVERIES.labels(each.kind, each.state).inc()
        if said := _said(appointment_id, each):
            await self.outbox.record(tx, said.about(slot))


def _said(
    appointment_id: str, delivery: Delivery
) -> InvitationSent | InvitationFailed | None:
    kind, role = delivery.kind, delivery.role
    if delivery.state is State.ACCEPTED:
        return InvitationSent(appointment_id=appointment_id, kind=kind, role=role)
    if delivery.state is State.FAILED:
        return InvitationFailed(
            appointment_id=appointment_id, kind=kind, reason=delivery.reason, role=role
        )
    return None
