"""How often a door may be used: a bucket of tokens per client (ASVS 2.4.1)."""

from collections import OrderedDict
from math import ceil

from chassis.clock import Clock
from chassis.refusal import Refusal

CLIENTS = 20_000  # remembered at most; the longest unseen is forgotten first


class TooMany(Refusal):
    code = "too_many"


class Limit:
    """`rate` uses a second in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Raises `TooMany` when this client has used up its share."""
        at = self._clock().timestamp()
        left, since = self._buckets.pop(client, (float(self._burst), at))
        rested = max(0.0, at - since)  # a clock may be put back
        left = min(self._burst, left + rested * self._rate)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, at)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooMany(
                "That was too many tries. Wait a moment.",
                retry_after=ceil((1 - left) / self._rate),
            )
