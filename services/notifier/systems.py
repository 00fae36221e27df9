"""What the systems of units are told by webhook, decided as it is heard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Writer
from contract.appointment import Aspect
from contract.booking import Change
from contract.envelope import Event
from services.notifier import message_store
from services.notifier.domain import Appointment, News
from services.notifier.fact import History
from services.notifier.message import Channel, Message, Subject, To
from services.notifier.units import Units

TRIED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Systems:
    clock: Clock
    new_id: Callable[[], UUID]
    units: Units

    async def hear(
        self, tx: Writer, event: Event, known: Appointment, _: History
    ) -> None:
        """Something happened. Of an appointment whose unit is not known yet, it is kept
        until the booking is heard."""
        now = self.clock()
        unit_id: str | None = getattr(event, "unit_id", None) or known.unit_id
        wanted = (
            self._hears(unit_id, event.topic)
            if unit_id
            else self.units.anyone_hears(event.topic)
        )
        if wanted:
            await message_store.queue(tx, self._told(event, unit_id, now))

    async def change(
        self,
        tx: Writer,
        event: Change,
        renewed: frozenset[Aspect],
        changed: Appointment,
        history: History,
    ) -> None:
        """The booking system's word, when it is news; and what waited for the unit."""
        now = self.clock()
        if changed.unit_id is not None:
            for each in await message_store.hold_without_unit(
                tx, changed.appointment_id
            ):
                if self._hears(changed.unit_id, str(each.codes["type"])):
                    await message_store.address(
                        tx, each.message_id, changed.unit_id, now
                    )
                else:
                    await message_store.save(tx, each.obsolete(now))
        if renewed:
            await self.hear(tx, event, changed, history)

    def _hears(self, unit_id: str, topic: str) -> bool:
        webhook = self.units.of(unit_id).webhook
        return webhook is not None and topic in webhook.events

    def _told(self, event: Event, unit_id: str | None, now: datetime) -> Message:
        news = News.of(event, now)
        codes: dict[str, str | int] = {
            "type": event.topic,
            "at": news.at.isoformat(),
            **news.codes,
        }
        if news.person_id is not None:
            codes["person_id"] = str(news.person_id)
        until = now + TRIED_FOR
        return Message(
            message_id=self.new_id(),
            once=f"{event.source}/{event.event_id}",
            channel=Channel.WEBHOOK,
            to=To.SYSTEM,
            subject=Subject.EVENT,
            appointment_id=event.appointment_id,
            unit_id=unit_id,
            person_id=news.person_id,
            codes=codes,
            created_at=now,
            due_at=now if unit_id else until,
            until=until,
        )
