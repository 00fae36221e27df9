"""Hand-overs: someone who is in goes on on another device, by a code that it scans.

The code is good once and for a minute. Nothing here could open what waits for it: the
table holds its digest, and what the token says sealed with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.database import Database
from chassis.sessions import KeySet, VisitSession
from services.identity import handover_store, metrics, store
from services.identity.domain import HandoverOver, Note, NotOpened, What
from services.identity.seals import Seal
from services.identity.sessions import Renewed, Sessions

CODE_LASTS = timedelta(seconds=60)
KEPT = timedelta(minutes=10)
PURPOSE = "handover"


@dataclass(frozen=True, slots=True)
class Handovers:
    database: Database
    clock: Clock
    keys: KeySet
    sessions: Sessions
    chance: Callable[[], str]

    async def begin(self, token: VisitSession) -> SecretStr:
        """A code for the other device. Raises `NoSession`."""
        at, code = self.clock(), SecretStr(self.chance())
        async with self.database.writing() as tx:
            session = await self.sessions.hold_live(tx, token)
            given = self.sessions.entrance(session, token).token
            sealed = Seal(code, PURPOSE).closed(given, str(session.session_id))
            await handover_store.begin(
                tx, _digest(code), session.session_id, sealed, at
            )
            await handover_store.forget(tx, at - KEPT)
        return code

    async def take(self, code: SecretStr) -> Renewed:
        """A session of its own for the other device: the same person, the same end.

        Raises `HandoverOver` when the code is unknown, late, or was used.
        """
        at = self.clock()
        async with self.database.writing() as tx:
            row = await handover_store.take(tx, _digest(code), at - CODE_LASTS, at)
            if row is None:
                raise HandoverOver("This code is not, or no longer, good.")
            token = await self._opened(code, row["sealed"], row["session_id"])
            session, told = await self.sessions.open_beside(tx, token)
            line = Note(at, What.HANDED_OVER, session.sub, session.appointment_id)
            await store.note(tx, line)
        metrics.HANDOVERS.inc()
        return self.sessions.renewal(session, told)

    async def was_taken(self, token: VisitSession) -> bool:
        """Whether this session's code has just been used."""
        async with self.database.reading() as tx:
            since = self.clock() - KEPT
            return await handover_store.was_taken(tx, UUID(token.sid), since)

    async def _opened(
        self, code: SecretStr, sealed: bytes, session_id: UUID
    ) -> VisitSession:
        try:
            text = Seal(code, PURPOSE).opened(sealed, str(session_id))
        except NotOpened:
            raise HandoverOver("This code is not, or no longer, good.") from None
        return await self.keys.recognise(text, VisitSession)


def _digest(code: SecretStr) -> bytes:
    return sha256(code.get_secret_value().encode()).digest()
