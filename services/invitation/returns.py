"""What comes back is read, matched to its delivery, counted, and said.

Whatever way it came, by the letterbox or by the door for reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database
from chassis.logs import Log
from chassis.outcome import Reason
from services.invitation import delivery_store, store
from services.invitation.bounce import Reader, Verdict
from services.invitation.metrics import BOUNCES
from services.invitation.telling import Telling

NO_NEWS = "no_news"  # told before, of nothing we sent, or of what no longer matters


@dataclass(frozen=True, slots=True)
class Returns:
    database: Database
    clock: Clock
    telling: Telling
    reader: Reader
    wake: Callable[[], None]  # the postman, once there is something to send
    log: Log

    async def take(self, raw: bytes, came_to: str | None = None) -> None:
        """A message as it came. Raises `Unavailable` when it should come again."""
        report = self.reader.read(raw, came_to)
        if report.verdict is not Verdict.FAILED:
            self._tell(report.verdict, None, None)
        elif report.delivery_id is None or report.reason is None:
            self._tell(NO_NEWS, None, None)
        else:
            await self.told(report.delivery_id, report.reason)

    async def told(self, delivery_id: UUID, reason: Reason) -> None:
        """Somebody has read the report for us. Raises `Unavailable`."""
        is_news = await self._came_back(delivery_id, reason)
        self._tell(Verdict.FAILED if is_news else NO_NEWS, delivery_id, reason)

    async def _came_back(self, delivery_id: UUID, reason: Reason) -> bool:
        """An e-mail did not reach the mailbox; false when that is no news."""
        at = self.clock()
        async with self.database.writing() as tx:
            appointment = await store.hold_of_delivery(tx, delivery_id)
            if appointment is None or not appointment.is_known:
                return False
            stored = await delivery_store.deliveries(tx, appointment.appointment_id)
            mine = next(each for each in stored if each.delivery_id == delivery_id)
            back = mine.came_back(reason, at)
            if back is mine:
                return False
            await self.telling.came_back(tx, appointment, back, at)
            after = [back if each is mine else each for each in stored]
            await self.telling.agree(tx, appointment, after, after, at)
        self.wake()
        return True

    def _tell(
        self, verdict: str, delivery_id: UUID | None, reason: Reason | None
    ) -> None:
        BOUNCES.labels(verdict, reason or "").inc()
        self.log.info(
            "An e-mail came back.",
            verdict=verdict,
            delivery_id=delivery_id and str(delivery_id),
            reason=reason,
        )
