"""The postman: claims an e-mail, hands it over, settles it. No transaction waits for mail.

Several work side by side, each with a connection of its own, which is closed when there
is nothing more to send. What has been begun is finished before the service stops.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import stamina

from chassis.logs import Log, trouble
from chassis.outcome import Cause, Never, NotNow, Outcome, Reason, word
from chassis.refusal import Unavailable
from chassis.rounds import go_round
from chassis.sending import State
from chassis.smtp import (
    CONNECT_SECONDS,
    SEND_SECONDS,
    Connection,
    ConversationFailed,
    Mail,
    NotAnAddress,
)
from services.invitation.bounce import ReturnAddress
from services.invitation.domain import Delivery
from services.invitation.flows import LEASE, Claimed, Invitations
from services.invitation.mail import Desk, Unwritable
from services.invitation.metrics import HANDED_OVER, REPEATED, SLOWED, TRIES
from services.invitation.pace import Pace

# What it takes at most, and no lease may end before that.
HAND_OVER = timedelta(seconds=CONNECT_SECONDS + SEND_SECONDS)


class Postman:
    def __init__(
        self,
        invitations: Invitations,
        desk: Desk,
        connections: Sequence[Connection],
        woken: asyncio.Event,
        log: Log,
        *,
        home: ReturnAddress | None,
        pace: Pace,
    ) -> None:
        self._invitations = invitations
        self._desk = desk
        self._home = home
        self._connections = connections
        self._woken = woken
        self._log = log
        self._pace = pace
        self._claiming = asyncio.Lock()
        self._claimed: deque[Claimed] = deque()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as rounds:
                for each in self._connections:
                    deliver = partial(self.deliver, each)
                    rounds.create_task(go_round(deliver, self._woken, each.hang_up))
        finally:
            await self.give_back()

    async def give_back(self) -> None:
        """What has been claimed and not begun: another instance need not wait for it."""
        while self._claimed:
            await self._settle(self._claimed.popleft(), NotNow(cause=Cause.AWAY))

    async def deliver(self, connection: Connection) -> bool:
        """One e-mail, if one is due; false when none is."""
        try:
            claimed = await self._next()
        except Unavailable:
            return False
        if claimed is None:
            return False
        result = await self._outcome(claimed, connection)
        self._pace.answered(claimed.delivery.domain, result)
        await self._settle(claimed, result)
        return True

    async def _next(self) -> Claimed | None:
        """One for each connection is claimed at a time: it costs little more than one."""
        async with self._claiming:
            if not self._claimed:
                most, closed = len(self._connections), self._pace.closed()
                self._claimed += await self._invitations.claim(most, closed)
                for each in self._claimed:
                    self._pace.goes(each.delivery.domain)
            SLOWED.set(self._pace.slowed)
            return self._claimed.popleft() if self._claimed else None

    async def _outcome(self, claimed: Claimed, connection: Connection) -> Outcome:
        """Whatever is wrong with one e-mail ends that one. What is wrong with all of
        them ends none: they are tried again, and an alert tells of it."""
        try:
            return await self._hand_over(claimed, connection)
        except NotAnAddress:
            return Never(Reason.ADDRESS_REFUSED)
        except Unwritable as unwritable:
            why = unwritable.__cause__ or unwritable
            self._complain("An e-mail cannot be written.", claimed, why)
            return Never(Reason.UNWRITABLE)
        except ConversationFailed as failed:
            why = failed.__cause__ or failed
            self._complain("An e-mail could not be handed over.", claimed, why)
            return NotNow(doubt=failed.doubt, cause=Cause.FAULT)
        except Exception as error:  # noqa: BLE001 - the other e-mails must not wait
            self._complain("No such e-mail can be written.", claimed, error)
            return NotNow(cause=Cause.FAULT)

    async def _hand_over(self, claimed: Claimed, connection: Connection) -> Outcome:
        if claimed.delivery.due_at < self._invitations.clock() + HAND_OVER:
            return NotNow(cause=Cause.AWAY)  # it lay too long while others were slow
        if claimed.delivery.doubt:
            REPEATED.inc()
        mail = self._desk.write(claimed.appointment, claimed.delivery)
        return await connection.hand_over(
            self._known_again(mail, claimed.delivery),
            partial(self._still_holds, claimed),
        )

    async def _still_holds(self, claimed: Claimed) -> bool:
        """While nobody can say, it is not sent."""
        try:
            return await self._invitations.still_holds(claimed)
        except Exception as error:  # noqa: BLE001 - it is tried again
            self._complain("It is not known whether an e-mail holds.", claimed, error)
            return False

    def _known_again(self, mail: Mail, delivery: Delivery) -> Mail:
        """With what a report on it will name."""
        sender = self._home.of(delivery.delivery_id) if self._home else mail.sender
        return replace(mail, sender=sender, reference=delivery.delivery_id.hex)

    async def _settle(self, claimed: Claimed, result: Outcome) -> None:
        """Tried for as long as the e-mail is ours: once settled it is not sent again."""
        cause = result.cause if isinstance(result, NotNow) else ""
        TRIES.labels(word(result), cause).inc()
        try:
            async for attempt in stamina.retry_context(
                on=Unavailable, attempts=None, timeout=LEASE, wait_max=5
            ):
                with attempt:
                    settled = await self._invitations.settle(claimed, result)
                    self._tell(claimed, settled)
        except Exception as error:  # noqa: BLE001 - its lease ends, and it is in doubt
            self._complain("An e-mail was not settled.", claimed, error)

    def _complain(self, what: str, claimed: Claimed, error: BaseException) -> None:
        self._log.error(
            what,
            appointment_id=claimed.appointment.appointment_id,
            delivery_id=str(claimed.delivery.delivery_id),
            kind=claimed.delivery.kind,
            **trouble(error),
        )

    def _tell(self, claimed: Claimed, settled: Delivery | None) -> None:
        if settled is None:
            return
        if settled.state is State.ACCEPTED and settled.settled_at:
            took = settled.settled_at - settled.wanted_at
            HANDED_OVER.observe(took.total_seconds())
        self._log.info(
            "An e-mail was tried.",
            appointment_id=claimed.appointment.appointment_id,
            delivery_id=str(settled.delivery_id),
            kind=settled.kind,
            state=settled.state,
            attempts=settled.attempts,
            reason=settled.reason,
        )
