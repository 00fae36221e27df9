"""What the notifier does, one transaction at a time. Read this page first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database, Writer
from contract.appointment import Aspect
from contract.booking import Change
from contract.envelope import Event
from contract.slot import SlotEvent
from services.notifier import fact_store, store
from services.notifier.domain import (
    REPLAYED,
    Appointment,
    Ears,
    Missed,
    News,
    Snapshot,
)
from services.notifier.fact import Fact, History
from services.notifier.metrics import NOTED, RELEVANCE


class Ear(Protocol):
    """Another room that hears what we hear, in the same transaction."""

    async def hear(
        self, tx: Writer, event: Event, known: Appointment, history: History
    ) -> None:
        """Something happened; it is the last in the history."""

    async def change(
        self,
        tx: Writer,
        event: Change,
        renewed: frozenset[Aspect],
        changed: Appointment,
        history: History,
    ) -> None:
        """The booking system said something; `renewed` is what nothing newer is known of."""


@dataclass(frozen=True, slots=True)
class Notifier:
    database: Database
    clock: Clock
    ears: Sequence[Ear] = ()
    wake: Callable[[], None] = lambda: None  # the couriers: there may be messages

    async def tell(self, event: Event) -> None:
        """Something happened: note it for those who look at it."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, event):
                return
            await store.take_turn(tx)
            known = await self._known(tx, event.appointment_id)
            await self._note(tx, event, known)
            history = await self._remembered(tx, event, known)
            for ear in self.ears:
                await ear.hear(tx, event, known, history)
        self.wake()

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
            renewed = known.heard.renewed_by(event)
            history = await fact_store.history(tx, event.appointment_id, changed.heard)
            for ear in self.ears:
                await ear.change(tx, event, renewed, changed, history)
        self.wake()

    async def begin(self, ears: Ears, last: int | None) -> Snapshot | Missed:
        """What a stream starts with; `last` is the number it had last, if any."""
        async with self.database.reading() as tx:
            upto = await store.newest(tx)
            if last is None:
                return Snapshot(upto, await store.latest(tx, ears, upto))
            missed = await store.missed(tx, ears, last, upto)
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

    async def _remembered(
        self, tx: Writer, event: Event, known: Appointment
    ) -> History:
        """All that has happened. What counts of it is decided whenever it is asked."""
        fact = Fact.of(event, self.clock(), known.heard.slot)
        before = await fact_store.history(tx, event.appointment_id, known.heard)
        await fact_store.keep(tx, event.appointment_id, fact)
        if isinstance(event, SlotEvent):
            RELEVANCE.labels(known.heard.relevance(event.slot)).inc()
        return before.and_then(fact)

    async def _note(self, tx: Writer, event: Event, known: Appointment) -> None:
        now = self.clock()
        await store.note(tx, News.of(event, now), known.unit_id, now)
        NOTED.labels(event.topic).inc()
