"""The golden samples: for each published version one message, as it was first said.

They are never edited: what has been said once must be readable for good. When a version
gains optional fields, a message that has them is added beside it (`<type>.slot`).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True)
class Sample:
    """A message with its value opened for people to read."""

    headers: dict[str, str]
    key: str
    value: dict[str, Any]

    def carried(self) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
        """Headers and value as Kafka carries them."""
        headers = tuple((name, value.encode()) for name, value in self.headers.items())
        return headers, json.dumps(self.value).encode()


def sample(name: str) -> Sample:
    """The sample of a type, as `appointment.booked.v1`."""
    return Sample(**json.loads((FOLDER / f"{name}.json").read_text("utf-8")))


def binary_samples(event_type: str) -> tuple[str, ...]:
    """The names of a type's samples in binary mode, as it was first said coming first."""
    names = (event_type, f"{event_type}.slot")
    return tuple(name for name in names if (FOLDER / f"{name}.json").exists())
