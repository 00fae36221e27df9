"""What follows a guardian's act: they say that they act for the child, or that they do not."""

from dataclasses import dataclass

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.database import Database
from chassis.refusal import Refusal
from services.identity import store
from services.identity.acts import Acts
from services.identity.domain import Act, Note, What
from services.identity.flows import Visits
from services.identity.guardians import Claim, Guardianship
from services.identity.sessions import Entrance


@dataclass(frozen=True, slots=True)
class Acting:
    database: Database
    clock: Clock
    acts: Acts
    guardians: Guardianship
    visits: Visits

    async def confirm(self, secret: SecretStr) -> Entrance:
        """They act for the child: let them in if that may be, or refuse.

        No transaction is open while anyone is asked. Raises `IdentificationExpired`,
        `GuardianNotConfirmed`, and whatever has made the appointment close meanwhile.
        """
        act, who = await self._taken(secret, What.ACTS_FOR_CHILD)
        try:
            code = self.visits.code(act.person)
            child = await self.visits.child_of(act.appointment_id, code)
            await self.guardians.confirm(Claim(act.appointment_id, who, code, child))
            return await self.visits.let_in(act.appointment_id, act.person, code)
        except Refusal as no:
            await self.visits.refused(act.appointment_id, who, no)
            raise

    async def decline(self, secret: SecretStr) -> None:
        """They do not; what was known of them is forgotten."""
        await self._taken(secret, What.DOES_NOT_ACT)

    async def waits(self, secret: SecretStr, appointment_id: str) -> bool:
        async with self.database.reading() as tx:
            return await self.acts.waits(tx, secret, appointment_id)

    async def _taken(self, secret: SecretStr, said: What) -> tuple[Act, str]:
        async with self.database.writing() as tx:
            act = await self.acts.take(tx, secret)
            code = self.visits.code(act.person)
            who = self.visits.person_id(act.appointment_id, code)
            line = Note(self.clock(), said, who, act.appointment_id)
            await store.note(tx, line)
        return act, who
