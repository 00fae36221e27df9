"""What the lobby does, one transaction at a time. Read this page first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database, Reader, Writer
from chassis.outbox import Outbox
from chassis.sessions import Admission, SigningKey, StaffSession, VisitSession
from contract.booking import Change
from contract.identity import PatientIdentified, Role
from contract.invitation import InvitationFailed, InvitationSent
from contract.lobby import (
    AppointmentMissed,
    AppointmentUnserved,
    ByAProfessional,
    PatientAdmitted,
    PatientAway,
    PatientLeft,
    PatientRefused,
    PatientReturned,
    PatientWaiting,
)
from contract.signalling import CallEnded, CallStarted
from contract.slot import Slot, Stamp
from services.lobby import booking, message_store, store, whose
from services.lobby.absences import Absences, keep, moving
from services.lobby.delay import Delay
from services.lobby.domain import (
    Details,
    Invitation,
    Status,
    Visit,
    is_inside,
    waiting_since,
)
from services.lobby.message import Message
from services.lobby.metrics import MISSED, UNSERVED, WAITED
from services.lobby.place import (
    Ahead,
    CheckResult,
    Person,
    Place,
    Reason,
    Seen,
    State,
    Whom,
    band,
)
from services.lobby.refusals import NobodyThere

HELSINKI = ZoneInfo("Europe/Helsinki")
ADMISSION_LIVES = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class View:
    """What one person's page shows."""

    at: datetime
    visit: Visit
    details: Details
    place: Place
    can_ask: bool
    ahead: Ahead | None
    admission: str | None
    delay: Delay | None
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Queue:
    """What a professional's page shows."""

    at: datetime
    visits: Sequence[tuple[Visit, Sequence[Place]]]
    present: frozenset[tuple[str, UUID]]
    messages: Mapping[Whom, Sequence[Message]]


@dataclass(frozen=True, slots=True)
class Lobby:
    database: Database
    outbox: Outbox
    clock: Clock
    key: SigningKey
    join_after_end: timedelta
    present_for: timedelta
    keep_visits: timedelta
    absences: Absences

    # What is heard

    async def changed(self, said: Change) -> None:
        """The booking system booked, moved or cancelled."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            now = self.clock()
            before = await store.hold_visit(tx, said.appointment_id)
            visit = booking.changed(before, said, now)
            await store.save_visit(tx, visit)
            for place in await store.places(tx, said.appointment_id):
                kept = booking.kept(place, before, visit, now)
                await keep(tx, place, kept, now)
                if booking.has_another_slot(before, visit):
                    await self._waits_on(tx, visit, kept)

    async def welcomed(self, said: PatientIdentified) -> None:
        """Someone has identified: keep a place for them."""
        person = Person(
            said.person_id, said.role, said.name, said.birth_year, said.method
        )
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                await whose.place_for(tx, said.appointment_id, person, self.clock())

    async def invitation_failed(self, said: InvitationFailed) -> None:
        """The unit should know that the patient may not have got the link."""
        stamp = Stamp(said.slot, said.time or self.clock())
        await self._heard_of(said, lambda known: known.refused(said.reason, stamp))

    async def invitation_sent(self, said: InvitationSent) -> None:
        """A later message to the patient went: they can be reached again."""
        stamp = Stamp(said.slot, said.time or self.clock())
        await self._heard_of(said, lambda known: known.sent(stamp))

    async def _heard_of(
        self,
        said: InvitationFailed | InvitationSent,
        change: Callable[[Invitation], Invitation],
    ) -> None:
        """What came of a message to the patient; a companion's is not the patient's."""
        if said.role is not None:
            return
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                visit = await store.hold_visit(tx, said.appointment_id)
                changed = replace(visit, invitation=change(visit.invitation))
                await store.save_visit(tx, changed)

    async def call_started(self, said: CallStarted) -> None:
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                visit = await store.hold_visit(tx, said.appointment_id)
                await store.save_visit(tx, visit.call_started(said.slot, said.at))

    async def call_ended(self, said: CallEnded) -> None:
        """Whoever was in that call has left; who was let in since then stays."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            visit = await store.hold_visit(tx, said.appointment_id)
            places = await store.places(tx, said.appointment_id)
            inside = [
                each for each in places if visit.was_in_call(each, said.slot, said.at)
            ]
            await store.save_visit(tx, visit.call_ended(said, inside))
            for place in inside:
                await self._leave(tx, visit, place)

    # What a patient, or who attends with them, does

    async def view(self, session: VisitSession) -> View:
        """How things stand, and a sign that this person is here."""
        async with self.database.writing() as tx:
            visit = await store.visit(tx, session.appointment)
            place = await store.place(tx, session.appointment, UUID(session.sub))
            if visit is None or place is None:
                visit, place = await whose.mine(tx, session, self.clock())
            return await self._seen(tx, visit, place)

    async def ask(self, session: VisitSession) -> View:
        """Ask to join: from the appointment's start, by our own clock."""
        async with self.database.writing() as tx:
            visit, place = await whose.mine(tx, session, self.clock())
            visit.check_open(self.clock(), self.join_after_end)
            asked = place.asked(self.clock())
            if asked.version != place.version:
                await store.save(tx, asked)
                waits = moving(PatientWaiting, visit, asked, asked.since)
                await self.outbox.record(tx, waits)
            else:
                asked = await self.absences.came(tx, visit, place)
            return await self._seen(tx, visit, asked)

    async def leave(self, session: VisitSession) -> View:
        """Stop waiting, or leave the call."""
        async with self.database.writing() as tx:
            known, place = await whose.mine(tx, session, self.clock())
            places = await store.places(tx, session.appointment)
            others = [each for each in places if each.whom != place.whom]
            visit = known.with_inside([place], self.clock()).left_to(others)
            await store.save_visit(tx, visit)
            return await self._seen(tx, visit, await self._leave(tx, visit, place))

    async def checked(
        self, session: VisitSession, results: Mapping[str, CheckResult]
    ) -> None:
        """Keep the results of the camera, microphone, speaker and network checks."""
        async with self.database.writing() as tx:
            _, place = await whose.mine(tx, session, self.clock())
            checks = MappingProxyType({**place.checks, **results})
            await store.save(tx, replace(place, checks=checks))

    # What a professional does

    async def queue(self, session: StaffSession) -> Queue:
        """Today's appointments of the professional's own units."""
        now = self.clock()
        today = now.astimezone(HELSINKI).date()
        begins, ends = _midnight(today), _midnight(today + timedelta(days=1))
        async with self.database.reading() as tx:
            visits = await store.day(tx, session.units, begins, ends)
            shown = [visit.appointment_id for visit, _ in visits]
            return Queue(
                at=now,
                visits=visits,
                present=await store.present(tx, now - self.present_for),
                messages=await message_store.of(tx, shown),
            )

    async def admit(self, session: StaffSession, seen: Seen) -> Place:
        """The professional opens the door to the person they were looking at."""
        async with self.database.writing() as tx:
            visit, place = await whose.theirs(tx, session, seen)
            visit.check_not_cancelled()
            admitted = place.admitted(
                seen.version, whose.who(session), self.clock(), visit.heard.times
            )
            await store.save_visit(tx, visit.entered(admitted.person, self.clock()))
            await self._decided(
                tx, session, place, admitted, PatientAdmitted, slot=visit.heard.slot
            )
        WAITED.observe((admitted.since - place.since).total_seconds())
        return admitted

    async def refuse(self, session: StaffSession, seen: Seen, why: Reason) -> Place:
        """The professional declines, with a reason that the patient can read."""
        async with self.database.writing() as tx:
            visit, place = await whose.theirs(tx, session, seen)
            refused = place.refused(seen.version, whose.who(session), why, self.clock())
            await self._decided(
                tx, session, place, refused, PatientRefused, slot=visit.heard.slot
            )
        return refused

    async def send_back(self, session: StaffSession, seen: Seen, why: Reason) -> Place:
        """From the call back to the line, with a reason that the patient can read."""
        async with self.database.writing() as tx:
            visit, place = await whose.theirs(tx, session, seen)
            returned = place.returned(
                seen.version, whose.who(session), why, self.clock()
            )
            await store.save_visit(tx, visit.with_inside([place], self.clock()))
            await self._decided(
                tx, session, place, returned, PatientReturned, slot=visit.heard.slot
            )
        return returned

    async def own_admission(self, session: StaffSession, appointment_id: str) -> str:
        """The way back into the call for the professional who let someone in."""
        async with self.database.reading() as tx:
            visit = whose.check_unit(session, await store.visit(tx, appointment_id))
            places = await store.places(tx, appointment_id)
        if not any(_let_in_by(session.sub, place) for place in places):
            raise NobodyThere("Nobody is in this call with you.")
        return self.admission(visit, session.sub, Role.PROFESSIONAL)

    async def host_admission(self, session: StaffSession, appointment_id: str) -> str:
        """For the professional who has just let someone in."""
        async with self.database.reading() as tx:
            visit = whose.check_unit(session, await store.visit(tx, appointment_id))
        return self.admission(visit, session.sub, Role.PROFESSIONAL)

    def admission(self, visit: Visit, member: str, role: Role) -> str:
        """Our signed word to signalling, good before the event has arrived there."""
        slot = visit.heard.slot
        return self.key.sign(
            Admission(
                sub=member,
                appointment=visit.appointment_id,
                role=role,
                starts_at=slot.starts_at if slot else None,
                sequence=slot.sequence if slot else None,
                exp=self.clock() + ADMISSION_LIVES,
            )
        )

    # What time does

    async def sweep(self) -> None:
        """Appointments whose time went by, and visits kept long enough."""
        now = self.clock()
        async with self.database.reading() as tx:
            overdue = await store.overdue(tx, now - self.join_after_end)
        for appointment_id in overdue:
            await self._close(appointment_id)
        async with self.database.writing() as tx:
            await store.forget(tx, now - self.keep_visits)

    async def _close(self, appointment_id: str) -> None:
        """Nobody came for the patient, or they came and were not let in.

        Asked again under the lock: it may have moved since it was found.
        """
        now = self.clock()
        async with self.database.writing() as tx:
            visit = await store.hold_visit(tx, appointment_id)
            if not visit.is_overdue(now - self.join_after_end):
                return
            places = await store.places(tx, appointment_id)
            if is_inside(places):
                return  # the call of a slot before has gone on into this one
            since = waiting_since(places)
            await store.save_visit(tx, visit.unserved() if since else visit.missed())
            for place in places:
                await self._leave(tx, visit, place)
            said = _went_by(appointment_id, now, since)
            await self.outbox.record(tx, said.about(visit.heard.slot))
        (UNSERVED if since else MISSED).inc()

    # What the above have in common

    async def _decided(
        self,
        tx: Writer,
        session: StaffSession,
        before: Place,
        place: Place,
        decision: type[ByAProfessional],
        *,
        slot: Slot | None,
    ) -> None:
        """Keep what a professional decided, in the trail too, and say it."""
        at, by, deed = place.since, whose.who(session), decision.topic
        await keep(tx, before, place, at)
        await store.note(tx, at, by, deed=deed, on=place.whom, code=place.reason)
        decided = decision(
            appointment_id=place.appointment_id,
            person_id=place.person.person_id,
            professional_id=session.sub,
            reason=place.reason,
            at=place.since,
        )
        await self.outbox.record(tx, decided.about(slot))

    async def _waits_on(self, tx: Writer, visit: Visit, place: Place) -> None:
        """What was said of the slot before is over; they wait all the same."""
        off = visit.status is Status.CANCELLED or visit.details is None
        if off or place.state is not State.WAITING or visit.starts_at is None:
            return
        since = max(place.since, visit.starts_at)
        await self.outbox.record(tx, moving(PatientWaiting, visit, place, since))
        if place.away_since:
            gone = moving(PatientAway, visit, place, max(since, place.away_since))
            await self.outbox.record(tx, gone)

    async def _leave(self, tx: Writer, visit: Visit, place: Place) -> Place:
        left = place.left(self.clock())
        if left.version != place.version:
            await keep(tx, place, left, left.since)
            gone = moving(PatientLeft, visit, left, left.since)
            await self.outbox.record(tx, gone)
        return left

    async def _seen(self, tx: Writer, visit: Visit, place: Place) -> View:
        now = self.clock()
        person = place.person
        await store.seen(tx, place.appointment_id, person.person_id, now)
        admitted = (
            place.state is State.ADMITTED and visit.status is not Status.CANCELLED
        )
        member = str(person.person_id)
        return View(
            at=now,
            visit=visit,
            details=whose.known(visit),
            place=place,
            can_ask=visit.is_open(now, self.join_after_end) and not admitted,
            ahead=await _ahead(tx, place),
            admission=self.admission(visit, member, person.role) if admitted else None,
            delay=None if admitted else visit.told_delay(),
            messages=await message_store.to(tx, place.whom),
        )


def _went_by(
    appointment_id: str, at: datetime, since: datetime | None
) -> AppointmentMissed | AppointmentUnserved:
    if since is None:
        return AppointmentMissed(appointment_id=appointment_id, at=at)
    return AppointmentUnserved(
        appointment_id=appointment_id, at=at, waiting_since=since
    )


async def _ahead(tx: Reader, place: Place) -> Ahead | None:
    if place.state is not State.WAITING:
        return None
    return band(await store.before(tx, place.appointment_id))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), HELSINKI)


def _let_in_by(professional_id: str, place: Place) -> bool:
    by = place.by
    return place.state is State.ADMITTED and by is not None and by.id == professional_id
