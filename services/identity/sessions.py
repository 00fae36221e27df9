"""Sessions: opened when someone is let in, ended by them, or by an identity provider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.logs import Log
from services.identity import metrics, session_store
from services.identity.session import Ended, Kind, Session, Upstream

SESSIONS_KEPT = timedelta(days=1)  # after their end, for a logout that comes late


@dataclass(frozen=True, slots=True)
class Sessions:
    database: Database
    clock: Clock
    log: Log
    new_id: Callable[[], UUID]

    async def open_visit(
        self,
        tx: Writer,
        sub: str,
        appointment_id: str,
        ends_at: datetime,
        upstream: Upstream | None = None,
    ) -> Session:
        at = self.clock()
        session = Session(
            self.new_id(), Kind.VISIT, sub, appointment_id, at, at, ends_at
        )
        await session_store.open_session(tx, session, upstream)
        return session

    async def open_staff(
        self, tx: Writer, sub: str, ends_at: datetime, upstream: Upstream | None = None
    ) -> Session:
        at = self.clock()
        session = Session(self.new_id(), Kind.STAFF, sub, None, at, at, ends_at)
        await session_store.open_session(tx, session, upstream)
        return session

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

    async def _end(
        self, tx: Writer, held: Sequence[Session], why: Ended
    ) -> Sequence[Session]:
        at = self.clock()
        live = [each for each in held if each.is_live(at)]
        for each in live:
            await session_store.save(tx, each.ended(why, at))
        return live

    def _told(self, ended: Sequence[Session], why: Ended) -> bool:
        for each in ended:
            metrics.SESSIONS_ENDED.labels(each.kind, why).inc()
            self.log.info(
                "A session was ended.", session_id=str(each.session_id), why=why
            )
        return bool(ended)
