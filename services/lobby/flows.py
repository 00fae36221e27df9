"""What the lobby does, one transaction at a time. Read this page first."""

from collections.abc import Mapping, Sequence
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
from contract.booking import Change, Professional
from contract.identity import PatientIdentified, Role
from contract.invitation import InvitationFailed
from contract.lobby import (
    AppointmentMissed,
    ByAProfessional,
    PatientAdmitted,
    PatientLeft,
    PatientRefused,
    PatientReturned,
    PatientWaiting,
)
from contract.signalling import CallEnded, CallStarted, EndedBy
from services.lobby import store
from services.lobby.domain import (
    Ahead,
    CheckResult,
    Details,
    NobodyThere,
    NoVisit,
    Person,
    Place,
    Reason,
    Seen,
    State,
    Status,
    Visit,
    arriving,
    band,
)
from services.lobby.metrics import MISSED, WAITED

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


@dataclass(frozen=True, slots=True)
class Queue:
    """What a professional's page shows."""

    at: datetime
    visits: Sequence[tuple[Visit, Sequence[Place]]]
    present: frozenset[tuple[str, UUID]]


@dataclass(frozen=True, slots=True)
class Lobby:
    database: Database
    outbox: Outbox
    clock: Clock
    key: SigningKey
    join_after_end: timedelta
    present_for: timedelta
    keep_visits: timedelta

    # What is heard

    async def changed(self, said: Change) -> None:
        """The booking system booked, moved or cancelled."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            visit = (await store.hold_visit(tx, said.appointment_id)).after(said)
            await store.save_visit(tx, visit)
            if visit.starts_at and visit.starts_at > self.clock():
                for place in await store.places(tx, said.appointment_id):
                    await store.save(tx, place.postponed(self.clock()))

    async def welcomed(self, said: PatientIdentified) -> None:
        """Someone has identified: keep a place for them."""
        person = Person(
            said.person_id, said.role, said.name, said.birth_year, said.method
        )
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                await self._place_for(tx, said.appointment_id, person)

    async def invitation_failed(self, said: InvitationFailed) -> None:
        """The unit should know that the patient may not have got the link."""
        if said.role is not None:
            return
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                visit = await store.hold_visit(tx, said.appointment_id)
                await store.save_visit(tx, replace(visit, invitation_failed=True))

    async def call_started(self, said: CallStarted) -> None:
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                visit = await store.hold_visit(tx, said.appointment_id)
                await store.save_visit(tx, replace(visit, in_call_since=said.at))

    async def call_ended(self, said: CallEnded) -> None:
        """Whoever was in that call has left; who was let in since then stays."""
        async with self.database.writing() as tx:
            if not await inbox.first_sight(tx, said):
                return
            visit = await store.hold_visit(tx, said.appointment_id)
            for place in await store.places(tx, said.appointment_id):
                if place.state is State.ADMITTED and place.since <= said.at:
                    await self._leave(tx, visit, place)
            over = said.ended_by is EndedBy.PROFESSIONAL
            ended = visit.ended() if over else replace(visit, in_call_since=None)
            await store.save_visit(tx, ended)

    # What a patient, or who attends with them, does

    async def view(self, session: VisitSession) -> View:
        """How things stand, and a sign that this person is here."""
        async with self.database.writing() as tx:
            visit = await store.visit(tx, session.appointment)
            place = await store.place(tx, session.appointment, UUID(session.sub))
            if visit is None or place is None:
                visit, place = await self._mine(tx, session)
            return await self._seen(tx, visit, place)

    async def ask(self, session: VisitSession) -> View:
        """Ask to join: from the appointment's start, by our own clock."""
        async with self.database.writing() as tx:
            visit, place = await self._mine(tx, session)
            visit.check_open(self.clock(), self.join_after_end)
            asked = place.asked(self.clock())
            if asked.version != place.version:
                await store.save(tx, asked)
                await self._say_waiting(tx, visit, asked)
            return await self._seen(tx, visit, asked)

    async def leave(self, session: VisitSession) -> View:
        """Stop waiting, or leave the call."""
        async with self.database.writing() as tx:
            visit, place = await self._mine(tx, session)
            return await self._seen(tx, visit, await self._leave(tx, visit, place))

    async def checked(
        self, session: VisitSession, results: Mapping[str, CheckResult]
    ) -> None:
        """Keep the results of the camera, microphone, speaker and network checks."""
        async with self.database.writing() as tx:
            _, place = await self._mine(tx, session)
            checks = MappingProxyType({**place.checks, **results})
            await store.save(tx, replace(place, checks=checks))

    # What a professional does

    async def queue(self, session: StaffSession) -> Queue:
        """Today's appointments of the professional's own units."""
        now = self.clock()
        today = now.astimezone(HELSINKI).date()
        begins, ends = _midnight(today), _midnight(today + timedelta(days=1))
        async with self.database.reading() as tx:
            return Queue(
                at=now,
                visits=await store.day(tx, session.units, begins, ends),
                present=await store.present(tx, now - self.present_for),
            )

    async def admit(self, session: StaffSession, seen: Seen) -> Place:
        """The professional opens the door to the person they were looking at."""
        async with self.database.writing() as tx:
            visit, place = await self._theirs(tx, session, seen)
            visit.check_not_cancelled()
            admitted = place.admitted(seen.version, _who(session), self.clock())
            await store.save_visit(tx, visit.entered(admitted.person, self.clock()))
            await self._decided(tx, session, admitted, PatientAdmitted)
        WAITED.observe((admitted.since - place.since).total_seconds())
        return admitted

    async def refuse(self, session: StaffSession, seen: Seen, why: Reason) -> Place:
        """The professional declines, with a reason that the patient can read."""
        async with self.database.writing() as tx:
            _, place = await self._theirs(tx, session, seen)
            refused = place.refused(seen.version, _who(session), why, self.clock())
            await self._decided(tx, session, refused, PatientRefused)
        return refused

    async def send_back(self, session: StaffSession, seen: Seen, why: Reason) -> Place:
        """From the call back to the line, with a reason that the patient can read."""
        async with self.database.writing() as tx:
            _, place = await self._theirs(tx, session, seen)
            returned = place.returned(seen.version, _who(session), why, self.clock())
            await self._decided(tx, session, returned, PatientReturned)
        return returned

    async def own_admission(self, session: StaffSession, appointment_id: str) -> str:
        """The way back into the call for the professional who let someone in."""
        async with self.database.reading() as tx:
            _of_their_unit(session, await store.visit(tx, appointment_id))
            places = await store.places(tx, appointment_id)
        if not any(_let_in_by(session.sub, place) for place in places):
            raise NobodyThere("Nobody is in this call with you.")
        return self.admission(appointment_id, session.sub, Role.PROFESSIONAL)

    def admission(self, appointment_id: str, member: str, role: Role) -> str:
        """Our signed word to signalling, good before the event has arrived there."""
        return self.key.sign(
            Admission(
                sub=member,
                appointment=appointment_id,
                role=role,
                exp=self.clock() + ADMISSION_LIVES,
            )
        )

    # What time does

    async def sweep(self) -> None:
        """Appointments that nobody came to, and visits kept long enough."""
        now = self.clock()
        async with self.database.reading() as tx:
            overdue = await store.overdue(tx, now - self.join_after_end)
        for appointment_id in overdue:
            await self._miss(appointment_id)
        async with self.database.writing() as tx:
            await store.forget(tx, now - self.keep_visits)

    async def _miss(self, appointment_id: str) -> None:
        async with self.database.writing() as tx:
            visit = await store.hold_visit(tx, appointment_id)
            if visit.status is not Status.BOOKED or visit.admitted_at:
                return
            await store.save_visit(tx, visit.missed())
            for place in await store.places(tx, appointment_id):
                await self._leave(tx, visit, place)
            missed = AppointmentMissed(appointment_id=appointment_id, at=self.clock())
            await self.outbox.record(tx, missed)
        MISSED.inc()

    # What the above have in common

    async def _mine(self, tx: Writer, session: VisitSession) -> tuple[Visit, Place]:
        """The visit and place of this session, held.

        The session itself is enough to keep a place: the event that says the same may
        still be on its way.
        """
        visit = await store.hold_visit(tx, session.appointment)
        person = Person(
            UUID(session.sub),
            Role(session.role),
            session.name,
            session.birth_year,
            session.method,
        )
        return visit, await self._place_for(tx, session.appointment, person)

    async def _place_for(
        self, tx: Writer, appointment_id: str, person: Person
    ) -> Place:
        await store.hold_visit(tx, appointment_id)
        place = await store.place(tx, appointment_id, person.person_id)
        if place is None:
            place = arriving(appointment_id, person, self.clock())
            await store.save(tx, place)
        return place

    async def _theirs(
        self, tx: Writer, session: StaffSession, seen: Seen
    ) -> tuple[Visit, Place]:
        """A visit and place of the professional's own unit, held."""
        held = await store.hold_known_visit(tx, seen.appointment_id)
        visit = _of_their_unit(session, held)
        place = await store.place(tx, seen.appointment_id, seen.person_id)
        if place is None:
            raise NobodyThere("Nobody is there by that name.")
        return visit, place

    async def _decided(
        self,
        tx: Writer,
        session: StaffSession,
        place: Place,
        decision: type[ByAProfessional],
    ) -> None:
        """Keep what a professional decided, in the trail too, and say it."""
        await store.save(tx, place)
        await store.note(tx, place.since, _who(session), decision.topic, place)
        await self.outbox.record(
            tx,
            decision(
                appointment_id=place.appointment_id,
                person_id=place.person.person_id,
                professional_id=session.sub,
                reason=place.reason,
                at=place.since,
            ),
        )

    async def _leave(self, tx: Writer, visit: Visit, place: Place) -> Place:
        left = place.left(self.clock())
        if left.version != place.version:
            await store.save(tx, left)
            await self.outbox.record(
                tx,
                PatientLeft(
                    appointment_id=place.appointment_id,
                    person_id=place.person.person_id,
                    unit_id=_known(visit).unit.id,
                    at=left.since,
                ),
            )
        return left

    async def _say_waiting(self, tx: Writer, visit: Visit, place: Place) -> None:
        await self.outbox.record(
            tx,
            PatientWaiting(
                appointment_id=place.appointment_id,
                person_id=place.person.person_id,
                unit_id=_known(visit).unit.id,
                at=place.since,
            ),
        )

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
            details=_known(visit),
            place=place,
            can_ask=visit.is_open(now, self.join_after_end) and not admitted,
            ahead=await _ahead(tx, place),
            admission=self.admission(place.appointment_id, member, person.role)
            if admitted
            else None,
        )


async def _ahead(tx: Reader, place: Place) -> Ahead | None:
    if place.state is not State.WAITING:
        return None
    return band(await store.before(tx, place))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), HELSINKI)


def _known(visit: Visit) -> Details:
    if visit.details is None:
        raise NoVisit("We have not heard of this appointment yet.")
    return visit.details


def _of_their_unit(session: StaffSession, visit: Visit | None) -> Visit:
    """Raises `NobodyThere` for another unit's visit, as for none at all."""
    details = visit.details if visit else None
    if visit is None or details is None or details.unit.id not in session.units:
        raise NobodyThere("Nobody is there by that name.")
    return visit


def _let_in_by(professional_id: str, place: Place) -> bool:
    by = place.by
    return place.state is State.ADMITTED and by is not None and by.id == professional_id


def _who(session: StaffSession) -> Professional:
    return Professional(id=session.sub, name=session.name)
