"""Sessions: opened when someone is let in, renewed while their page lives, and ended.

The record is what counts. The token in the cookie is good for some minutes, so that the
other services need nothing but the key set; to go on, it is renewed here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.logs import Log
from chassis.sessions import NoSession, SigningKey, StaffSession, VisitSession
from services.identity import metrics, session_store, store
from services.identity.domain import AnotherAppointment, Note, What
from services.identity.session import Ended, Kind, Session, Terms, Upstream

SESSIONS_KEPT = timedelta(days=1)  # after their end, for a logout that comes late
AnyToken = VisitSession | StaffSession


@dataclass(frozen=True, slots=True)
class Entrance:
    """Someone may come in: a session as a signed text, and how long to keep it."""

    token: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a page must know of its session."""

    entrance: Entrance
    at: datetime
    renews_at: datetime
    warns_at: datetime
    ends_at: datetime
    may_stay: bool


@dataclass(frozen=True, slots=True)
class Sessions:
    database: Database
    clock: Clock
    log: Log
    new_id: Callable[[], UUID]
    signing: SigningKey
    terms: Terms

    async def open_visit(
        self,
        tx: Writer,
        sub: str,
        appointment_id: str,
        appointment_ends: datetime,
        upstream: Upstream | None = None,
    ) -> Session:
        at = self.clock()
        ends_at = appointment_ends + self.terms.visit_after_end
        session = Session(
            self.new_id(), Kind.VISIT, sub, appointment_id, at, at, ends_at
        )
        await session_store.open_session(tx, session, upstream)
        return session

    async def open_staff(
        self, tx: Writer, sub: str, upstream: Upstream | None = None
    ) -> Session:
        at = self.clock()
        ends_at = self.terms.staff_ends(at, at)
        session = Session(self.new_id(), Kind.STAFF, sub, None, at, at, ends_at)
        await session_store.open_session(tx, session, upstream)
        return session

    def entrance(self, session: Session, token: AnyToken) -> Entrance:
        """Someone's token for this session, good for a while."""
        exp = min(self.clock() + self.terms.token, session.ends_at)
        told = token.model_copy(update={"exp": exp})
        return Entrance(self.signing.sign(told), self.terms.cookie_ends(session))

    async def renew(self, token: AnyToken, *, stay: bool) -> Renewed:
        """Another token for the same session. Raises `NoSession` when it is over.

        `stay`: a person has asked for it by an act of theirs.
        """
        async with self.database.writing() as tx:
            session = await self._renewed(tx, token, stay=stay)
        return self.renewal(session, token)

    async def come_back(self, token: VisitSession, link_digest: str) -> Renewed:
        """The link was opened again in a browser that is in already.

        Raises `NoSession`, or `AnotherAppointment` when the link is of another one, or
        lets someone in as another than who is in.
        """
        async with self.database.writing() as tx:
            session = await self._renewed(tx, token, stay=False)
            link = await store.link(tx, link_digest, self.clock())
            if link is None or not link.is_of(token.appointment, token.role):
                raise AnotherAppointment("This link is of another appointment.")
            about = link.appointment_id
            note = Note(self.clock(), What.CAME_BACK, session.sub, about)
            await store.note(tx, note)
        return self.renewal(session, token)

    async def hold_live(self, tx: Writer, token: AnyToken) -> Session:
        """The session of this token, held. Raises `NoSession` when it is over."""
        held = await session_store.hold(tx, _id(token))
        if held is None or not held.is_live(self.clock()):
            raise NoSession("The session has ended.")
        return held

    async def open_beside(
        self, tx: Writer, token: VisitSession
    ) -> tuple[Session, VisitSession]:
        """Another session of the same person, with the same end, and what it is told."""
        at, held = self.clock(), await self.hold_live(tx, token)
        beside = replace(held, session_id=self.new_id(), created_at=at, renewed_at=at)
        upstream = await session_store.upstream_of(tx, held.session_id)
        await session_store.open_session(tx, beside, upstream)
        return beside, token.model_copy(update={"sid": str(beside.session_id)})

    async def is_live(self, token: AnyToken) -> bool:
        async with self.database.writing() as tx:
            held = await session_store.hold(tx, _id(token))
        return held is not None and held.is_live(self.clock())

    async def end(self, session_id: UUID, why: Ended) -> bool:
        """End one session; whether it was there to be ended."""
        async with self.database.writing() as tx:
            held = await session_store.hold(tx, session_id)
            ended = await self._end(tx, [held] if held else [], why)
        return self._told(ended, why)

    async def end_of(self, kind: Kind, sub: str, why: Ended) -> bool:
        """End all sessions of someone; whether there were any."""
        async with self.database.writing() as tx:
            held = await session_store.hold_of(tx, kind, sub)
            ended = await self._end(tx, held, why)
        return self._told(ended, why)

    async def end_from(self, upstream: Upstream, why: Ended = Ended.UPSTREAM) -> bool:
        """End the sessions that came from this one of an identity provider's.

        Without an index: all of its subject's; without a subject: all of the index.
        """
        async with self.database.writing() as tx:
            held = await session_store.hold_from(tx, upstream)
            ended = await self._end(tx, held, why)
        return self._told(ended, why)

    async def upstream_of(self, session_id: UUID) -> Upstream | None:
        """What the identity provider calls this session, to log out there too."""
        async with self.database.reading() as tx:
            return await session_store.upstream_of(tx, session_id)

    async def forget(self) -> None:
        async with self.database.writing() as tx:
            await session_store.forget(tx, self.clock() - SESSIONS_KEPT)

    async def _renewed(self, tx: Writer, token: AnyToken, *, stay: bool) -> Session:
        at, held = self.clock(), await self.hold_live(tx, token)
        renewed = held.renewed(at, held.ends_at)
        if held.kind is Kind.STAFF:
            if stay:
                ends_at = self.terms.staff_ends(held.created_at, at)
                renewed = held.renewed(at, ends_at)
        else:
            renewed = await self._prolonged(tx, renewed, stay=stay)
        await session_store.save(tx, renewed)
        return renewed

    async def _prolonged(self, tx: Writer, visit: Session, *, stay: bool) -> Session:
        """A tap counts once it has been warned, so that two tabs take one extension."""
        at, terms = self.clock(), self.terms
        ends_at = await store.ends_of(tx, visit.appointment_id or "")
        if ends_at is None:
            return visit
        moved = visit.renewed(at, terms.visit_ends(visit, ends_at, at))
        if stay and at >= terms.warns_at(moved) and terms.may_stay(moved):
            moved = moved.extended()
        return moved.renewed(at, terms.visit_ends(moved, ends_at, at))

    def renewal(self, session: Session, token: AnyToken) -> Renewed:
        at = self.clock()
        return Renewed(
            entrance=self.entrance(session, token),
            at=at,
            renews_at=self.terms.renews_at(at),
            warns_at=self.terms.warns_at(session),
            ends_at=session.ends_at,
            may_stay=self.terms.may_stay(session),
        )

    async def _end(
        self, tx: Writer, held: Sequence[Session], why: Ended
    ) -> Sequence[Session]:
        at = self.clock()
        live = [each for each in held if each.is_live(at)]
        for each in live:
            await session_store.save(tx, each.ended(why, at))
            line = Note(at, What.LOGGED_OUT, each.sub, each.appointment_id, why)
            await store.note(tx, line)
        return live

    def _told(self, ended: Sequence[Session], why: Ended) -> bool:
        for each in ended:
            metrics.SESSIONS_ENDED.labels(each.kind, why).inc()
            self.log.info(
                "A session was ended.", session_id=str(each.session_id), why=why
            )
        return bool(ended)


def _id(token: AnyToken) -> UUID:
    try:
        return UUID(token.sid)
    except ValueError:
        raise NoSession("The session does not hold.") from None
