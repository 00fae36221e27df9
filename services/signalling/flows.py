"""What signalling keeps and says, one transaction at a time. Read this page first.

Every change ends with `store.tell`, and each instance then looks again at the room.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.outbox import Outbox
from contract.booking import AppointmentCancelled
from contract.lobby import ByAProfessional, PatientAdmitted, PatientReturned
from contract.signalling import CallEnded, CallStarted, EndedBy
from contract.slot import Slot
from services.signalling import store
from services.signalling.domain import (
    Admission,
    Call,
    Deed,
    Ended,
    Side,
    Standing,
    Started,
)
from services.signalling.metrics import CALL_SECONDS, CALLS


@dataclass(frozen=True, slots=True)
class Signalling:
    database: Database
    outbox: Outbox
    clock: Clock
    silence: timedelta = timedelta(minutes=1)  # after which a call is not going on

    async def admit(self, said: PatientAdmitted) -> None:
        """A professional let someone in, and is thereby in the call too."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            await self._keep(tx, said, admitted=True)
            host = Admission(Side.PROFESSIONAL, True, said.at, said.slot)
            await store.admit(tx, said.appointment_id, said.professional_id, host)
            await store.tell(tx, said.appointment_id)

    async def take_back(self, said: PatientReturned) -> None:
        """A professional sent someone from the call back to wait."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            await self._keep(tx, said, admitted=False)
            await store.tell(tx, said.appointment_id)

    async def cancel(self, said: AppointmentCancelled) -> None:
        """The appointment is off: nobody may be in, and a call that is open ends.

        Unless it was booked again since, which we hear of by who is let in.
        """
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            await store.hold(tx, said.appointment_id, self.clock())
            await store.cancel(tx, said.appointment_id, said.sequence, self.clock())
            ended = await self._end_of_before(
                tx, said.appointment_id, self.clock(), EndedBy.CANCELLATION
            )
            await self._tell_end(tx, said.appointment_id, ended)
        _count(ended)

    async def learn(self, appointment_id: str, slot: Slot | None) -> None:
        """The lobby's signed word, which was quicker than its event, names a slot."""
        async with self.database.writing() as tx:
            await self._learn(tx, appointment_id, slot)

    async def standing(self, appointment_id: str) -> Standing:
        """All that is written about an appointment."""
        async with self.database.reading() as tx:
            order = await store.order(tx, appointment_id)
            call = await store.latest(tx, appointment_id)
            admissions = await store.admissions(tx, appointment_id)
        return Standing(order, admissions, call)

    async def write(self, deed: Deed) -> None:
        """What happened in a room. Doing it again changes nothing."""
        match deed:
            case Started():
                await self._start(deed)
            case Ended():
                await self._end(deed)

    async def still_here(self, appointment_ids: list[str]) -> None:
        """Somebody is connected in these rooms."""
        async with self.database.writing() as tx:
            await store.still_here(tx, appointment_ids, self.clock())

    async def end_silent(self) -> None:
        """End the calls that nobody came back to, also those of another process."""
        before = self.clock() - self.silence
        async with self.database.reading() as tx:
            silent = await store.silent(tx, before)
        for appointment_id in silent:
            await self._end_silent(appointment_id, before)

    async def forget(self, after: timedelta) -> None:
        """Drop what is too old to matter."""
        async with self.database.writing() as tx:
            await store.forget(tx, self.clock() - after)

    async def _keep(self, tx: Writer, said: ByAProfessional, *, admitted: bool) -> None:
        await self._learn(tx, said.appointment_id, said.slot)
        guest = Admission(Side.PATIENT, admitted, said.at, said.slot)
        await store.admit(tx, said.appointment_id, str(said.person_id), guest)

    async def _learn(self, tx: Writer, appointment_id: str, slot: Slot | None) -> None:
        order = await store.hold(tx, appointment_id, self.clock())
        await store.keep(tx, appointment_id, order.knowing(slot).heard)
        await self._take_along(tx, appointment_id)

    async def _take_along(self, tx: Writer, appointment_id: str) -> None:
        """A call that goes on while its appointment is moved is one of the new slot."""
        order = await store.order(tx, appointment_id)
        call = await store.open_call(tx, appointment_id)
        if call and order.heard.slot and order.was_moved(call):
            since = self.clock() - self.silence
            await store.move(tx, appointment_id, order.heard.slot, since)

    async def _start(self, deed: Started) -> None:
        """A call of before that nobody ended, as we were all away, has ended with that."""
        now, appointment_id = self.clock(), deed.appointment_id
        async with self.database.writing() as tx:
            order = await store.hold(tx, appointment_id, now)
            await self._take_along(tx, appointment_id)
            latest = await store.latest(tx, appointment_id)
            if order.is_off or (latest and order.has_ended(latest, deed)):
                return
            ended = await self._end_of_before(tx, appointment_id, None, EndedBy.SILENCE)
            if ended is not None:
                await self._tell_end(tx, appointment_id, ended)
            slot = order.heard.slot
            if await store.start(tx, appointment_id, slot, deed.at, now):
                said = CallStarted(appointment_id=appointment_id, at=deed.at)
                await self.outbox.record(tx, said.about(slot))
                await store.tell(tx, appointment_id)
        _count(ended)

    async def _end_of_before(
        self, tx: Writer, appointment_id: str, at: datetime | None, by: EndedBy
    ) -> Call | None:
        """End the open call if its slot is over: now, or when it was last heard from."""
        call = await store.open_call(tx, appointment_id)
        order = await store.order(tx, appointment_id)
        if call is None or not order.is_over(call):
            return None
        return await store.end(tx, appointment_id, at, by)

    async def _end(self, deed: Ended) -> None:
        async with self.database.writing() as tx:
            await store.hold(tx, deed.appointment_id, self.clock())
            ended = await store.end(tx, deed.appointment_id, deed.at, deed.by)
            if ended is None and deed.started_at is None:
                order = await store.order(tx, deed.appointment_id)
                ended = await store.end_unstarted(
                    tx, deed.appointment_id, order.heard.slot, deed.at, deed.by
                )
            await self._tell_end(tx, deed.appointment_id, ended)
        _count(ended)

    async def _end_silent(self, appointment_id: str, before: datetime) -> None:
        async with self.database.writing() as tx:
            await store.hold(tx, appointment_id, self.clock())
            ended = await store.end_silent(tx, appointment_id, before, self.clock())
            await self._tell_end(tx, appointment_id, ended)
        _count(ended)

    async def _tell_end(
        self, tx: Writer, appointment_id: str, call: Call | None
    ) -> None:
        await store.tell(tx, appointment_id)
        if call is not None and call.ended_at is not None:
            said = CallEnded(
                appointment_id=appointment_id,
                at=call.ended_at,
                seconds=call.seconds,
                ended_by=call.ended_by,
            )
            await self.outbox.record(tx, said.about(call.slot))


def _count(call: Call | None) -> None:
    """After the commit, so that what was taken back is not counted."""
    if call is not None:
        CALLS.labels(call.ended_by).inc()
        CALL_SECONDS.observe(call.seconds or 0)
