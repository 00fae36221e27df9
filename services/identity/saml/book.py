"""What has to be remembered between two requests of SAML, in PostgreSQL.

An answer is posted across sites, where none of our cookies comes along, so it waits here,
still encrypted, until the browser comes for it with a request of our own. An assertion
counts once. And a provider is told to end the session that it knows by a name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from chassis.clock import Clock
from chassis.database import Database, Writer
from services.identity.session import Upstream

LOGINS_KEPT = timedelta(hours=2)  # longer than any session at Suomi.fi


@dataclass(frozen=True, slots=True)
class Book:
    database: Database
    clock: Clock
    chance: Callable[[], str]

    async def keep(self, state: str, message: str) -> str | None:
        """Under which handle the answer waits; None when nobody is on that way.

        The first answer is the one that counts. Posted again, it is found and not kept:
        the browser is led where it was led before.
        """
        async with self.database.writing() as tx:
            await _keep(tx, self.chance(), state, message, self.clock())
            handle: str | None = await tx.fetchval(
                "SELECT handle FROM answer WHERE state = $1", state
            )
        return handle

    async def state_of(self, handle: str) -> str | None:
        """Of whose way back the answer is; None when nobody was given this handle."""
        if not handle.isprintable():
            return None
        async with self.database.reading() as tx:
            state: str | None = await tx.fetchval(
                "SELECT state FROM answer WHERE handle = $1", handle
            )
        return state

    async def take(self, state: str) -> str | None:
        """The answer as it came, which is gone with that."""
        async with self.database.writing() as tx:
            message: str | None = await tx.fetchval(
                "SELECT message FROM answer WHERE state = $1 FOR UPDATE", state
            )
            await tx.execute("UPDATE answer SET message = NULL WHERE state = $1", state)
        return message

    async def first_sight(self, assertion_id: str, until: datetime) -> bool:
        """Whether it is new; it is remembered for as long as it could be used."""
        digest = sha256(assertion_id.encode()).digest()
        async with self.database.writing() as tx:
            await tx.execute(
                "DELETE FROM assertion WHERE good_until < $1", self.clock()
            )
            added = await tx.fetchval(
                """
                INSERT INTO assertion (digest, good_until) VALUES ($1, $2)
                ON CONFLICT DO NOTHING
                RETURNING true
                """,
                digest,
                until,
            )
        return bool(added)

    async def came_in(self, state: str, login: Upstream) -> None:
        """Remember the browser's session at the provider, let in here or not."""
        async with self.database.writing() as tx:
            await tx.execute(
                """
                INSERT INTO provider_login (browser, issuer, subject, session_index, at)
                SELECT browser, $2, $3, $4, $5 FROM attempt WHERE state = $1
                ON CONFLICT (browser) DO UPDATE
                   SET issuer = excluded.issuer, subject = excluded.subject,
                       session_index = excluded.session_index, at = excluded.at
                """,
                state,
                login.issuer,
                login.subject,
                login.index,
                self.clock(),
            )

    async def goes_out(self, browser: bytes) -> Upstream | None:
        """The browser's session at the provider; asked for once."""
        async with self.database.writing() as tx:
            row = await tx.fetchrow(
                """
                DELETE FROM provider_login WHERE browser = $1
                RETURNING issuer, subject, session_index, at
                """,
                browser,
            )
        if row is None or row["at"] < self.clock() - LOGINS_KEPT:
            return None
        return Upstream(row["issuer"], row["subject"], row["session_index"])

    async def forget(self) -> None:
        async with self.database.writing() as tx:
            before = self.clock() - LOGINS_KEPT
            await tx.execute("DELETE FROM provider_login WHERE at < $1", before)
            await tx.execute(
                "DELETE FROM assertion WHERE good_until < $1", self.clock()
            )


async def _keep(
    tx: Writer, handle: str, state: str, message: str, at: datetime
) -> None:
    """Only of those who are on their way, and until they have arrived."""
    await tx.execute(
        """
        INSERT INTO answer (handle, state, message, came_at)
        SELECT $1, state, $3, $4 FROM attempt
         WHERE state = $2 AND purpose = 'visit' AND used_at IS NULL
        ON CONFLICT (state) DO NOTHING
        """,
        handle,
        state,
        message,
        at,
    )
