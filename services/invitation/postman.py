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
    Mail,
    NotAnAddress,
)
from services.invitation.bounce import ReturnAddress
from services.invitation.domain import Delivery
from services.invitation.flows import LEASE, Claimed, Invitations
from services.invitation.mail import Desk
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
        result = await self._hand_over(claimed, connection)
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

    async def _hand_over(self, claimed: Claimed, connection: Connection) -> Outcome:
        if claimed.delivery.due_at < self._invitations.clock() + HAND_OVER:
            return NotNow(cause=Cause.AWAY)  # it lay too long while others were slow
        if claimed.delivery.doubt:
            REPEATED.inc()
        try:
            mail = self._desk.write(claimed.appointment, claimed.delivery)
        except NotAnAddress:
            return Never(Reason.ADDRESS_REFUSED)
        return await connection.hand_over(self._known_again(mail, claimed.delivery))

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
        except Unavailable as away:
            self._log.error("An e-mail was not settled.", **trouble(away))

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
