"""The couriers: each claims a message, hands it over, settles it.

No transaction waits for a supplier, and each channel has couriers of its own, so that one
that is slow holds up no other. What has been begun is finished before the service stops.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import stamina

from chassis.logs import Log, trouble
from chassis.outcome import Cause, Never, NotNow, Outcome, Reason, word
from chassis.refusal import Unavailable
from chassis.rounds import go_round
from chassis.sending import State
from chassis.smtp import ConversationFailed
from services.notifier.message import Channel, Message
from services.notifier.messages import (
    LEASE,
    Claimed,
    Messages,
    StillHolds,
    Unclaimable,
)
from services.notifier.metrics import (
    HANDED_OVER,
    OURS,
    REPEATED,
    TRIES,
    UNWRITABLE,
)
from services.notifier.writing import Unwritable


class Sender(Protocol):
    """Speaks to one supplier. Not for two messages at a time."""

    async def send(self, claimed: Claimed, still_holds: StillHolds) -> Outcome:
        """Never raises for what a supplier or a network can do; `Unwritable` when this
        message cannot be written. `still_holds` may be asked when the supplier is ready."""

    async def rest(self) -> None:
        """There is nothing to send for a while."""


class Couriers:
    """As many at work on a channel as it has senders."""

    def __init__(
        self,
        messages: Messages,
        senders: Mapping[Channel, Sequence[Sender]],
        woken: asyncio.Event,
        log: Log,
    ) -> None:
        self._messages = messages
        self._senders = senders
        self._woken = woken
        self._log = log
        for channel in senders:  # an alert sees the first of them
            OURS.labels(channel)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as rounds:
            for channel, senders in self._senders.items():
                for each in senders:
                    deliver = partial(self.deliver, channel, each)
                    rounds.create_task(go_round(deliver, self._woken, each.rest))

    async def deliver(self, channel: Channel, sender: Sender) -> bool:
        """One message, if one is due; false when none is, or the database is away."""
        try:
            claimed = await self._claimed(channel)
        except Unclaimable:
            return True
        except Unavailable:
            return False
        if claimed is None:
            return False
        if claimed.message.doubt:
            REPEATED.labels(channel).inc()
        await self._settle(claimed, await self._sent(sender, claimed))
        return True

    async def _claimed(self, channel: Channel) -> Claimed | None:
        try:
            return await self._messages.claim(channel)
        except Unclaimable as one:
            UNWRITABLE.labels(channel).inc()
            self._log.error(
                "A message cannot be read or judged; it is put aside.",
                message_id=str(one.message_id),
                channel=channel,
                **trouble(one.__cause__ or one),
            )
            await self._messages.put_aside(one.message_id)
            raise

    async def _sent(self, sender: Sender, claimed: Claimed) -> Outcome:
        still_holds = partial(self._messages.still_holds, claimed.message)
        try:
            return await sender.send(claimed, still_holds)
        except Unwritable as one:
            self._failed("A message cannot be written.", claimed, one.__cause__ or one)
            UNWRITABLE.labels(claimed.message.channel).inc()
            return Never(Reason.UNWRITABLE)
        except ConversationFailed as one:
            self._failed("A message could not be sent.", claimed, one.__cause__ or one)
            return NotNow(doubt=one.doubt)
        except Exception as error:  # noqa: BLE001 - one message must not stop the others
            self._failed("A message could not be sent.", claimed, error)
            return NotNow(doubt=True)

    def _failed(self, what: str, claimed: Claimed, error: BaseException) -> None:
        self._log.error(
            what,
            message_id=str(claimed.message.message_id),
            appointment_id=claimed.message.appointment_id,
            channel=claimed.message.channel,
            **trouble(error),
        )

    async def _settle(self, claimed: Claimed, outcome: Outcome) -> None:
        """Tried for as long as the message is ours: once settled it is not sent again."""
        TRIES.labels(claimed.message.channel, word(outcome)).inc()
        if isinstance(outcome, NotNow) and outcome.cause is Cause.OURS:
            OURS.labels(claimed.message.channel).inc()
        try:
            async for attempt in stamina.retry_context(
                on=Unavailable, attempts=None, timeout=LEASE, wait_max=5
            ):
                with attempt:
                    settled = await self._messages.settle(claimed, outcome)
                    self._tell(settled)
        except Exception as error:  # noqa: BLE001 - its lease ends, and it is in doubt
            self._failed("A message was not settled.", claimed, error)

    def _tell(self, settled: Message | None) -> None:
        if settled is None:
            return
        if settled.state is State.ACCEPTED and settled.settled_at:
            took = settled.settled_at - settled.created_at
            HANDED_OVER.labels(settled.channel).observe(took.total_seconds())
        self._log.info(
            "A message was tried.",
            message_id=str(settled.message_id),
            appointment_id=settled.appointment_id,
            channel=settled.channel,
            subject=settled.subject,
            state=settled.state,
            attempts=settled.attempts,
            reason=settled.reason,
        )
