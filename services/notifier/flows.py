"""What the notifier does, one transaction at a time. Read this page first."""

from dataclasses import dataclass

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database, Writer
from contract.booking import Change
from contract.envelope import Event
from services.notifier import store
from services.notifier.domain import (
    REPLAYED,
    Appointment,
    Ears,
    Missed,
    News,
    Snapshot,
)
from services.notifier.metrics import NOTED


@dataclass(frozen=True, slots=True)
class Notifier:
    database: Database
    clock: Clock

    async def tell(self, event: Event) -> None:
        """Something happened: note it for those who look at it."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, event):
                return
            await store.take_turn(tx)
            known = await self._known(tx, event.appointment_id)
            await self._note(tx, event, known)

    async def change(self, event: Change) -> None:
        """The booking system said something new, or old, or again."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, event):
                return
            await store.take_turn(tx)
            known = await self._known(tx, event.appointment_id)
            changed = known.changed_by(event)
            await store.keep(tx, changed)
            if changed.unit_id != known.unit_id:
                await store.hand_over(tx, changed, self.clock())
            if known.is_news(event):
                await self._note(tx, event, changed)

    async def begin(self, ears: Ears, last: int | None) -> Snapshot | Missed:
        """What a stream starts with; `last` is the number it had last, if any."""
        async with self.database.reading() as tx:
            upto = await store.newest(tx)
            if last is None:
                return Snapshot(upto, await store.latest(tx, ears, upto))
            missed = await store.missed(tx, ears, last, upto)
            # Asked last: what is dropped while we read has moved the horizon by now.
            if await store.horizon(tx) <= last <= upto:
                return Missed(upto, missed)
            return Snapshot(upto, await store.latest(tx, ears, upto))

    async def forget(self) -> None:
        """Drop what nobody may ask for again."""
        async with self.database.writing() as tx:
            await store.take_turn(tx)
            now = self.clock()
            await store.forget(tx, now - REPLAYED, now)

    async def _known(self, tx: Writer, appointment_id: str) -> Appointment:
        known = await store.appointment(tx, appointment_id)
        if known is None:
            known = Appointment.unheard(appointment_id, self.clock())
            await store.keep(tx, known)
        return known

    async def _note(self, tx: Writer, event: Event, known: Appointment) -> None:
        now = self.clock()
        await store.note(tx, News.of(event, now), known.unit_id, now)
        NOTED.labels(event.topic).inc()
