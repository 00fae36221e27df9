"""Trips to an identity provider and back, and what may be told of them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256

from prometheus_client import Counter

from chassis.clock import Clock
from chassis.database import Writer
from chassis.refusal import Refusal
from services.identity import metrics, store
from services.identity.domain import (
    Attempt,
    IdentificationExpired,
    IdentificationFailed,
    Purpose,
    Question,
)
from services.identity.upstream import Returned

AT_ONCE = 5  # open attempts of one browser: a tab each


@dataclass(frozen=True, slots=True)
class Attempts:
    """Trips to an identity provider and back: each once, soon, by the same browser."""

    clock: Clock
    chance: Callable[[], str]

    async def begin(
        self,
        tx: Writer,
        purpose: Purpose,
        browser: str,
        *,
        appointment_id: str | None = None,
        link_digest: str | None = None,
    ) -> Question:
        attempt = Attempt(
            Question(self.chance(), self.chance(), self.chance()),
            purpose,
            digest_of(browser),
            self.clock(),
            appointment_id,
            link_digest=link_digest,
        )
        await store.begin(tx, attempt, AT_ONCE)
        return attempt.question

    async def use(
        self,
        tx: Writer,
        purposes: Collection[Purpose],
        browser: str,
        returned: Returned,
    ) -> Attempt:
        """Raises `IdentificationExpired`."""
        attempt = await store.hold_attempt(tx, returned.get("state", ""))
        if attempt is None:
            raise IdentificationExpired
        used = attempt.used(purposes, digest_of(browser), self.clock())
        await store.use(tx, used)
        return used


def digest_of(browser: str) -> bytes:
    """A browser is known by a secret in its cookie, of which we keep this."""
    return sha256(browser.encode()).digest()


def count(refusals: Counter, no: Refusal) -> None:
    refusals.labels(no.code).inc()
    if isinstance(no, IdentificationFailed):
        metrics.FAILURES.labels(no.why).inc()


def reason(no: Refusal) -> dict[str, str]:
    """What may be logged of a refusal."""
    if not isinstance(no, IdentificationFailed):
        return {"code": no.code}
    return {"code": no.code, "why": no.why, "about": no.about}
