"""A professional logs in, and out when the county's provider says so."""

from dataclasses import dataclass, field
from datetime import timedelta

from chassis.clock import Clock
from chassis.database import Database
from chassis.logs import Log
from chassis.refusal import Refusal, Unavailable
from chassis.sessions import StaffSession
from contract.identity import Role
from services.identity import metrics, store
from services.identity.attempts import Attempts, count, reason
from services.identity.domain import (
    Attempt,
    IdentificationFailed,
    LogoutNotTaken,
    Note,
    Professional,
    Purpose,
    Question,
    StaffNotAllowed,
    What,
)
from services.identity.session import Session
from services.identity.sessions import Entrance, Sessions
from services.identity.upstream import Logouts, Returned, Upstream

LOGOUTS_KEPT = timedelta(hours=1)  # a logout is fresh for ten minutes
FOR_STAFF = frozenset({Purpose.STAFF, Purpose.STEP_UP})


@dataclass(frozen=True, slots=True)
class Onward:
    """Not in yet: the browser goes to the provider once more."""

    location: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StepUp:
    """Levels that a professional must reach, and the provider asked for them."""

    upstream: Upstream[Professional]
    levels: frozenset[str]

    def is_reached(self, attempt: Attempt, professional: Professional) -> bool:
        return attempt.purpose is Purpose.STEP_UP or professional.level in self.levels


@dataclass(frozen=True, slots=True)
class StaffLogins:
    """A professional logs in; `step_up` asks again, when that was not strong enough."""

    database: Database
    clock: Clock
    log: Log
    attempts: Attempts
    upstream: Upstream[Professional]
    step_up: "StepUp | None"
    sessions: Sessions

    async def begin(self, language: str, browser: str) -> str:
        """Where to send the browser."""
        async with self.database.writing() as tx:
            question = await self.attempts.begin(tx, Purpose.STAFF, browser)
        return await self._sent(self.upstream, question, language)

    async def enter(
        self, returned: Returned, browser: str, language: str
    ) -> Entrance | Onward:
        """Someone came back: let them in, send them on, or refuse; each but the second
        is noted.
        """
        async with self.database.writing() as tx:
            attempt = await self.attempts.use(tx, FOR_STAFF, browser, returned)
        who = None
        try:
            professional = await self._identified(attempt, returned)
            who = professional.professional_id
            if not professional.units:
                raise StaffNotAllowed("This account has no unit, or no role, here.")
        except Refusal as no:
            await self._note(What.REFUSED, who, no.code)
            self._refused(no)
            raise
        if self.step_up and not self.step_up.is_reached(attempt, professional):
            return await self._sent_again(self.step_up, language, browser)
        return await self._let_in(professional)

    async def _identified(self, attempt: Attempt, returned: Returned) -> Professional:
        upstream = self.upstream
        if attempt.purpose is Purpose.STEP_UP and self.step_up:
            upstream = self.step_up.upstream
        return await upstream.identified(returned, attempt.question)

    async def _sent_again(
        self, step_up: "StepUp", language: str, browser: str
    ) -> Onward:
        """Once: whoever comes back from there below the level is refused."""
        async with self.database.writing() as tx:
            question = await self.attempts.begin(tx, Purpose.STEP_UP, browser)
        return Onward(await self._sent(step_up.upstream, question, language))

    async def _sent(
        self, upstream: Upstream[Professional], question: Question, language: str
    ) -> str:
        try:
            return await upstream.location(question, language)
        except IdentificationFailed as no:
            count(metrics.STAFF_LOGINS, no)
            self.log.warning("The staff's provider took no request.", **reason(no))
            raise Unavailable("The provider took no request.") from None

    async def _let_in(self, professional: Professional) -> Entrance:
        at, who = self.clock(), professional.professional_id
        async with self.database.writing() as tx:
            await store.note(tx, Note(at, What.LOGGED_IN, who, None))
            session = await self.sessions.open_staff(tx, who, professional.upstream)
        return self._entrance(session, professional)

    def _entrance(self, session: Session, professional: Professional) -> Entrance:
        token = StaffSession(
            sid=str(session.session_id),
            sub=session.sub,
            exp=session.ends_at,
            name=professional.name,
            units=professional.units,
        )
        metrics.STAFF_LOGINS.labels(Role.PROFESSIONAL).inc()
        self.log.info(
            "A professional logged in.", professional_id=professional.professional_id
        )
        return self.sessions.entrance(session, token)

    async def _note(self, what: What, who: str | None, code: str | None = None) -> None:
        async with self.database.writing() as tx:
            await store.note(tx, Note(self.clock(), what, who, None, code))

    def _refused(self, no: Refusal) -> None:
        count(metrics.STAFF_LOGINS, no)
        self.log.info("A professional was refused.", **reason(no))


@dataclass(frozen=True, slots=True)
class ProviderLogouts:
    """An identity provider says that sessions of its have ended (back-channel)."""

    database: Database
    clock: Clock
    sessions: Sessions
    logouts: Logouts

    async def heard(self, token: str) -> None:
        """Raises `LogoutNotTaken` when it does not hold, or was heard before."""
        said = await self.logouts.logged_out(token)
        async with self.database.writing() as tx:
            new = await store.hear_logout(
                tx, said.session.issuer, said.once, self.clock()
            )
        if not new:
            raise LogoutNotTaken("This logout has been heard before.")
        await self.sessions.end_from(said.session)

    async def forget(self) -> None:
        async with self.database.writing() as tx:
            await store.forget_logouts(tx, self.clock() - LOGOUTS_KEPT)
