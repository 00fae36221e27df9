"""Webhooks to units: what was said on Kafka, by ids and codes, signed.

Source: Standard Webhooks 1.0. For those who receive them: docs/webhooks.md.
"""

import json
from http import HTTPStatus

from standardwebhooks.webhooks import Webhook as Signature

from chassis.clock import Clock
from chassis.outcome import Accepted, Never, NotNow, Outcome, Reason
from services.notifier.http import Answer, Caller
from services.notifier.message import Message
from services.notifier.messages import Claimed, StillHolds
from services.notifier.units import Webhook
from services.notifier.writing import writing

ENVELOPE = frozenset({"type", "at"})


class WebhookSender:
    def __init__(self, caller: Caller, clock: Clock) -> None:
        self._caller = caller
        self._clock = clock

    async def send(self, claimed: Claimed, _: StillHolds) -> Outcome:
        """Whatever is not taken is tried again: a receiver's mistakes are mended there."""
        webhook = claimed.webhook
        if webhook is None:
            return Never(Reason.NO_ADDRESS)
        with writing():
            body = written(claimed.message)
            headers = self._headers(claimed.message, webhook, body)
        url = webhook.url.get_secret_value()
        answer = await self._caller.ask("POST", url, headers, body.encode())
        if not isinstance(answer, Answer):
            return answer
        if answer.status == HTTPStatus.GONE:
            return Never(Reason.RECEIVER_GONE)
        return Accepted() if answer.is_success else NotNow(after=answer.after)

    async def rest(self) -> None:
        await self._caller.rest()

    def _headers(self, message: Message, to: Webhook, body: str) -> dict[str, str]:
        name, at = str(message.message_id), self._clock()
        signatures = (
            Signature(secret.get_secret_value()).sign(name, at, body)
            for secret in to.secrets
        )
        return {
            "Content-Type": "application/json",
            "User-Agent": "videomottagning-notifier",
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def written(message: Message) -> str:
    """The same each time it is sent."""
    told = {
        "type": message.codes["type"],
        "timestamp": message.codes["at"],
        "data": {
            "appointment_id": message.appointment_id,
            "unit_id": message.unit_id,
            **{
                name: value
                for name, value in message.codes.items()
                if name not in ENVELOPE
            },
        },
    }
    return json.dumps(told, separators=(",", ":"), sort_keys=True)
