"""Who put the device away, came back, and was asked to come, one transaction at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.outbox import Outbox
from chassis.sessions import StaffSession, VisitSession
from contract.lobby import (
    PatientAway,
    PatientBack,
    PatientLeft,
    PatientSummoned,
    PatientWaiting,
)
from services.lobby import store, whose
from services.lobby.domain import Status, Visit
from services.lobby.metrics import SUMMONED, SUMMONS_ENDED
from services.lobby.place import Place, Seen, Whom, outcome

Moving = TypeVar("Moving", PatientWaiting, PatientLeft, PatientAway, PatientBack)


@dataclass(frozen=True, slots=True)
class Absences:
    database: Database
    outbox: Outbox
    clock: Clock
    grace: timedelta

    async def away(self, session: VisitSession) -> None:
        """Whoever waits has put the device away; for anybody else it means nothing."""
        now = self.clock()
        async with self.database.writing() as tx:
            visit, place = await whose.mine(tx, session, now)
            gone = place.away(now)
            if gone != place and visit.status is not Status.CANCELLED:
                await store.save(tx, gone)
                news = moving(PatientAway, visit, gone, now)
                await self.outbox.record(tx, news)

    async def back(self, session: VisitSession) -> None:
        """At the page again, and so there for whoever called."""
        async with self.database.writing() as tx:
            visit, place = await whose.mine(tx, session, self.clock())
            await self.came(tx, visit, place)

    async def summon(self, session: StaffSession, seen: Seen) -> Place:
        """The professional is ready, and asks someone who is away to come."""
        now, by = self.clock(), whose.who(session)
        async with self.database.writing() as tx:
            visit, place = await whose.theirs(tx, session, seen)
            visit.check_not_cancelled()
            called = place.summoned(seen.version, now, self.grace)
            if called == place or called.summons is None:
                return place
            await keep(tx, place, called, now)
            topic = PatientSummoned.topic
            await store.note(tx, now, by, deed=topic, on=place.whom)
            summoned = PatientSummoned(
                appointment_id=place.appointment_id,
                person_id=place.person.person_id,
                professional_id=by.id,
                at=now,
                until=called.summons.until,
            )
            await self.outbox.record(tx, summoned.about(visit.heard.slot))
        SUMMONED.inc()
        return called

    async def give_up(self) -> None:
        """Whoever did not come in time is waited for no more; the place is kept."""
        async with self.database.reading() as tx:
            called = await store.given_up(tx, self.clock())
        for whom in called:
            await self._give_up(whom)

    async def came(self, tx: Writer, visit: Visit, place: Place) -> Place:
        """Say it when this is news."""
        there = place.back()
        if there != place:
            now = self.clock()
            await keep(tx, place, there, now)
            await self.outbox.record(tx, moving(PatientBack, visit, there, now))
        return there

    async def _give_up(self, whom: Whom) -> None:
        now = self.clock()
        async with self.database.writing() as tx:
            await store.hold_visit(tx, whom.appointment_id)
            place = await store.place(tx, whom.appointment_id, whom.person_id)
            if place is not None:
                await keep(tx, place, place.given_up(now), now)


def moving(news: type[Moving], visit: Visit, place: Place, at: datetime) -> Moving:
    """That someone came or went, for their unit to hear."""
    moved = news(
        appointment_id=place.appointment_id,
        person_id=place.person.person_id,
        unit_id=whose.known(visit).unit.id,
        at=at,
    )
    return moved.about(visit.heard.slot)


async def keep(tx: Writer, before: Place, after: Place, at: datetime) -> None:
    """Save a place, and count what became of a summons that was open."""
    await store.save(tx, after)
    if (became := outcome(before, after, at)) is not None:
        SUMMONS_ENDED.labels(became).inc()
