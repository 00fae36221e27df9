"""How late visits are: said by a professional, or guessed, one transaction at a time."""

from dataclasses import dataclass

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.outbox import Outbox
from chassis.sessions import StaffSession
from contract.lobby import AppointmentDelayed
from services.lobby import store, whose
from services.lobby.delay import Delay
from services.lobby.domain import Visit
from services.lobby.metrics import DELAYED


@dataclass(frozen=True, slots=True)
class Delays:
    database: Database
    outbox: Outbox
    clock: Clock

    async def say(
        self, session: StaffSession, appointment_id: str, minutes: int
    ) -> Delay | None:
        """The professional runs late by so many minutes, or is on time again."""
        now, by = self.clock(), whose.who(session)
        async with self.database.writing() as tx:
            visit = await whose.of_their_unit(tx, session, appointment_id)
            late = visit.late(minutes, now)
            if late == visit:
                return visit.told_delay()
            await self._keep(tx, visit, late)
            topic, code = AppointmentDelayed.topic, str(minutes)
            await store.note(tx, now, by, deed=topic, on=late, code=code)
        DELAYED.labels("said").inc()
        return late.told_delay()

    async def guess(self) -> None:
        """Whoever waits while the professional is in another call is told how late it is."""
        async with self.database.reading() as tx:
            waiting = await store.kept_waiting(tx, self.clock())
        for appointment_id in waiting:
            await self._guess(appointment_id)

    async def _guess(self, appointment_id: str) -> None:
        async with self.database.writing() as tx:
            visit = await store.hold_visit(tx, appointment_id)
            late = visit.kept_waiting(self.clock())
            if late == visit:
                return
            await self._keep(tx, visit, late)
        DELAYED.labels("inferred").inc()

    async def _keep(self, tx: Writer, before: Visit, after: Visit) -> None:
        """Say it too, unless it was on time and is."""
        await store.save_visit(tx, after)
        if after.delay and (before.told_delay() or after.told_delay()):
            delayed = AppointmentDelayed(
                appointment_id=after.appointment_id,
                minutes=after.delay.minutes,
                inferred=after.delay.inferred,
            )
            await self.outbox.record(tx, delayed.about(after.heard.slot))
