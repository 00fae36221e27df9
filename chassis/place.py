"""A service's place in its consumer group, over all lives of its consumer.

Without one it consumes nothing, and has no partition that could show it.
"""

import time

from chassis.metrics import OUTSIDE_GROUP


class Place:
    def __init__(self, service: str) -> None:
        self._lost_at: float | None = None
        OUTSIDE_GROUP.labels(service).set_function(lambda: self.outside)

    @property
    def outside(self) -> float:
        """Seconds without one, though Kafka answers."""
        return 0.0 if self._lost_at is None else time.monotonic() - self._lost_at

    def lost(self) -> None:
        if self._lost_at is None:
            self._lost_at = time.monotonic()

    def found(self) -> None:
        self._lost_at = None

    def unknown(self) -> None:
        """Kafka does not answer: "cannot know" is not "no"."""
        if self._lost_at is not None:
            self._lost_at = time.monotonic()
