"""What is on its way is made to agree with what is true, within a flow's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.database import Writer
from chassis.outbox import Outbox
from chassis.sending import State
from contract.invitation import (
    InvitationFailed,
    InvitationIssued,
    InvitationSent,
)
from services.invitation import delivery_store
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
        """Say which links open this appointment, and until when, if that is news."""
        if not appointment.is_known:
            return appointment
        companions = []
        for each in appointment.companions:
            say = self._issue if each.asked else self._withdraw
            issued = await say(tx, appointment.seen_by(each), at)
            companions.append(replace(each, issued=issued))
        issued = await self._issue(tx, appointment, at)
        return replace(appointment, issued=issued, companions=tuple(companions))

    async def _issue(
        self, tx: Writer, seen: Appointment, at: datetime
    ) -> Issued | None:
        if seen.status is Status.CANCELLED or seen.is_over(at):
            return seen.issued
        _, times = seen.known()
        issued = Issued(self.digest(seen), times.ends_at + self.link_lifetime)
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
        await self.outbox.record(tx, said)

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
        await self.keep(
            tx, appointment, *(each for each in agreed if each not in stored)
        )
        return agreed

    async def came_back(
        self, tx: Writer, appointment: Appointment, back: Delivery, at: datetime
    ) -> None:
        """Always kept, and said while somebody lacks what it told."""
        theirs = [each for each in appointment.views() if self._is_to(each, back)]
        if any(is_missed(each, back, self.digest(each), at) for each in theirs):
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
        """Of the deliveries about an appointment, those to who sees this of it."""
        return [each for each in deliveries if self._is_to(seen, each)]

    def _is_to(self, seen: Appointment, delivery: Delivery) -> bool:
        """Whether the delivery is to who sees this. A patient's address may change."""
        recipient, _ = seen.known()
        if recipient.role is None or delivery.role is None:
            return recipient.role == delivery.role
        return delivery.link_digest == self.digest(seen)

    def seen_by(self, appointment: Appointment, delivery: Delivery) -> Appointment:
        return next(seen for seen in appointment.views() if self._is_to(seen, delivery))

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
            DELIVERIES.labels(each.kind, each.state).inc()
            if said := _said(appointment.appointment_id, each):
                await self.outbox.record(tx, said)


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
