"""What may be used one time, and not for long."""

import secrets
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from chassis.clock import Clock

Kept = TypeVar("Kept")
MOST = 10_000  # more than a demo has; the oldest go first


class Once(Generic[Kept]):
    """Values under keys that cannot be guessed; each is given out once."""

    def __init__(self, clock: Clock, lifetime: timedelta) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._values: dict[str, tuple[datetime, Kept]] = {}

    def put(self, value: Kept) -> str:
        if len(self._values) >= MOST:
            self._values.pop(next(iter(self._values)))
        key = secrets.token_urlsafe(32)
        self._values[key] = (self._clock() + self._lifetime, value)
        return key

    def take(self, key: str) -> Kept | None:
        """The value, or None when it is unknown, used or too old."""
        ends, value = self._values.pop(key, (None, None))
        return value if ends and self._clock() < ends else None


class Seen:
    """Names that may come only once until they expire, as a `jti`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def is_new(self, name: str, until: float) -> bool:
        """Remember the name until then (seconds since 1970); False if remembered."""
        now = self._clock().timestamp()
        self._until = {key: ends for key, ends in self._until.items() if ends > now}
        new = name not in self._until
        self._until.setdefault(name, until)
        return new
