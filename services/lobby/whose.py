"""Whose visit it is: what a session may touch, held until the transaction ends."""

from datetime import datetime
from uuid import UUID

from chassis.database import Writer
from chassis.sessions import StaffSession, VisitSession
from contract.booking import Professional
from contract.identity import Role
from services.lobby import store
from services.lobby.domain import Details, Visit
from services.lobby.place import Person, Place, Whom, arriving
from services.lobby.refusals import NobodyThere, NoVisit


async def mine(tx: Writer, session: VisitSession, at: datetime) -> tuple[Visit, Place]:
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
    return visit, await place_for(tx, session.appointment, person, at)


async def place_for(
    tx: Writer, appointment_id: str, person: Person, at: datetime
) -> Place:
    await store.hold_visit(tx, appointment_id)
    place = await store.place(tx, appointment_id, person.person_id)
    if place is None:
        place = arriving(appointment_id, person, at)
        await store.save(tx, place)
    return place


async def theirs(tx: Writer, session: StaffSession, whom: Whom) -> tuple[Visit, Place]:
    """A visit and place of the professional's own unit, held."""
    visit = await of_their_unit(tx, session, whom.appointment_id)
    place = await store.place(tx, whom.appointment_id, whom.person_id)
    if place is None:
        raise NobodyThere("Nobody is there by that name.")
    return visit, place


async def of_their_unit(
    tx: Writer, session: StaffSession, appointment_id: str
) -> Visit:
    """A visit of the professional's own unit, held."""
    return check_unit(session, await store.hold_known_visit(tx, appointment_id))


def check_unit(session: StaffSession, visit: Visit | None) -> Visit:
    """Raises `NobodyThere` for another unit's visit, as for none at all."""
    details = visit.details if visit else None
    if visit is None or details is None or details.unit.id not in session.units:
        raise NobodyThere("Nobody is there by that name.")
    return visit


def known(visit: Visit) -> Details:
    if visit.details is None:
        raise NoVisit("We have not heard of this appointment yet.")
    return visit.details


def me(session: VisitSession) -> Whom:
    return Whom(session.appointment, UUID(session.sub))


def who(session: StaffSession) -> Professional:
    return Professional(id=session.sub, name=session.name)
