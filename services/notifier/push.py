"""Web push: encrypted for one browser, handed to the push service of its maker.

Sources: RFC 8030 (the protocol), RFC 8291 (encryption), RFC 8292 (who we are).
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from pydantic import SecretStr
from pywebpush import WebPusher

from chassis.clock import Clock
from chassis.logs import log, trouble
from chassis.outcome import Cause, Never, NotNow, Outcome, Reason
from services.notifier.domain import Audience
from services.notifier.http import Answer, Caller, outcome
from services.notifier.message import Message, Subject
from services.notifier.messages import Claimed, StillHolds
from services.notifier.subscription_store import Subscription
from services.notifier.words import Wording
from services.notifier.writing import writing

PROVES_FOR = timedelta(hours=12)  # a day at most (RFC 8292, 2)
TOPIC_LETTERS = 32  # (RFC 8030, 5.4)
GONE = frozenset({404, 410})
URGENT = frozenset(
    {Subject.YOUR_TURN, Subject.ADMITTED, Subject.DOORBELL, Subject.MESSAGE}
)
OPENS = {Audience.VISIT: "/visit", Audience.UNIT: "/staff"}


@dataclass(frozen=True, slots=True)
class PushHosts:
    """The push services that browsers use. We call nobody else, whatever a page says."""

    names: tuple[str, ...]
    plain: bool = False

    def has(self, endpoint: SecretStr) -> bool:
        try:
            parts = urlsplit(endpoint.get_secret_value())
            port = parts.port
        except ValueError:
            return False
        if parts.username or parts.password or not parts.hostname:
            return False
        if self.plain and parts.scheme == "http":
            return parts.hostname in self.names
        return (
            parts.scheme == "https"
            and port in {None, 443}
            and any(_is_of(parts.hostname, name) for name in self.names)
        )


def _is_of(host: str, name: str) -> bool:
    """`*.example.fi` is every host below example.fi."""
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


class Identity:
    """Who we are to push services (VAPID): a P-256 key in PEM, and an address of ours."""

    def __init__(self, key: SecretStr, contact: str, clock: Clock) -> None:
        self._key = Vapid02.from_pem(key.get_secret_value().encode())
        self._contact = contact
        self._clock = clock

    @property
    def public(self) -> str:
        """As a browser wants it: the point, in base64url."""
        point = self._key.public_key.public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return urlsafe_b64encode(point).rstrip(b"=").decode()

    def proof(self, endpoint: str) -> dict[str, str]:
        parts = urlsplit(endpoint)
        claims = {
            "sub": f"mailto:{self._contact}",
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self._clock() + PROVES_FOR).timestamp()),
        }
        signed: dict[str, str] = self._key.sign(claims)
        return signed


class PushSender:
    def __init__(
        self,
        identity: Identity,
        hosts: PushHosts,
        caller: Caller,
        wording: Wording,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._hosts = hosts
        self._caller = caller
        self._wording = wording
        self._clock = clock

    async def send(self, claimed: Claimed, _: StillHolds) -> Outcome:
        subscription = claimed.subscription
        if subscription is None or not self._hosts.has(subscription.endpoint):
            return Never(Reason.RECEIVER_GONE)
        with writing():
            payload = self._payload(claimed.message, subscription)
            about = self._headers(claimed.message)
        try:
            body = _encrypted(subscription, payload)
        except Exception:  # noqa: BLE001 - of no browser's keys; the libraries fail in many ways
            return Never(Reason.RECEIVER_GONE)
        endpoint = subscription.endpoint.get_secret_value()
        try:
            headers = {**self._identity.proof(endpoint), **about}
        except Exception as error:  # noqa: BLE001 - our key; no message is to blame
            log("notifier").error("VAPID_KEY cannot sign.", **trouble(error))
            return NotNow(cause=Cause.OURS)
        return _understood(await self._caller.ask("POST", endpoint, headers, body))

    async def rest(self) -> None:
        await self._caller.rest()

    def _payload(self, message: Message, to: Subscription) -> bytes:
        """Sentences that fit everybody, and codes for the page."""
        told = {
            "title": self._wording.say("push_title", to.language, message),
            "body": self._wording.say(f"push_{message.subject}", to.language, message),
            "language": to.language,
            "opens": OPENS[to.audience],
            "tag": _topic(message),
            "subject": message.subject,
            "appointment_id": message.appointment_id,
            "codes": dict(message.codes),
        }
        return json.dumps(told, ensure_ascii=False).encode()

    def _headers(self, message: Message) -> dict[str, str]:
        return {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_seconds_left(message, self._clock())),
            "Urgency": "high" if message.subject in URGENT else "normal",
            "Topic": _topic(message),
        }


def _understood(answer: Answer | NotNow) -> Outcome:
    if not isinstance(answer, Answer):
        return answer
    return Never(Reason.RECEIVER_GONE) if answer.status in GONE else outcome(answer)


def _encrypted(to: Subscription, payload: bytes) -> bytes:
    keys = {
        "p256dh": to.p256dh.get_secret_value(),
        "auth": to.auth.get_secret_value(),
    }
    pusher = WebPusher({"endpoint": to.endpoint.get_secret_value(), "keys": keys})
    body: bytes = pusher.encode(payload)["body"]
    return body


def _topic(message: Message) -> str:
    """A later word about the same takes the place of one that was not shown yet."""
    about = f"{message.appointment_id}/{message.person_id}/{message.subject}"
    digest = urlsafe_b64encode(sha256(about.encode()).digest()).decode()
    return digest[:TOPIC_LETTERS]


def _seconds_left(message: Message, now: datetime) -> int:
    return max(0, int((message.until - now).total_seconds()))
