"""Wakes whoever waits for word about an appointment."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class News:
    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @property
    def awaited(self) -> list[str]:
        """The appointments that somebody waits for word about."""
        return list(self._waiting)

    @contextmanager
    def about(self, appointment_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever there is word."""
        heard = asyncio.Event()
        waiting = self._waiting.setdefault(appointment_id, set())
        waiting.add(heard)
        try:
            yield heard
        finally:
            waiting.discard(heard)
            if not waiting and self._waiting.get(appointment_id) is waiting:
                del self._waiting[appointment_id]

    def tell(self, appointment_id: str) -> None:
        for each in self._waiting.get(appointment_id, ()):
            each.set()
