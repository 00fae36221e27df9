"""The outside of every event: CloudEvents 1.0 on Kafka.

Written in binary mode, read in binary and structured mode.
Source: CloudEvents 1.0.2, Kafka protocol binding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from uuid import uuid4

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

JSON = "application/json"
AppointmentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Said(BaseModel):
    """A part of what is said. Unknown fields are let pass; errors never quote a value."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, serialize_by_alias=True
    )


class Event(Said):
    """Something that happened. Facts only: past tense, no instructions.

    `event_id`, `source` and `time` travel as the attributes of the envelope, all other
    fields as its data. `source` and `event_id` together name one event for good.
    """

    topic: ClassVar[str]
    version: ClassVar[int] = 1

    event_id: str = Field(
        default_factory=lambda: str(uuid4()), min_length=1, max_length=200, exclude=True
    )
    source: str = Field(default="", max_length=200, exclude=True)
    time: AwareDatetime | None = Field(default=None, exclude=True)

    appointment_id: AppointmentId

    @classmethod
    def type(cls) -> str:
        return f"{cls.topic}.v{cls.version}"

    def told_by(self, speaker: str, at: datetime) -> Self:
        """The same fact with its envelope filled in."""
        return self.model_copy(update={"source": f"/{speaker}", "time": at})


class Why(StrEnum):
    """Why a message could not be read. The codes stand in `docs/events.md`."""

    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    NOT_JSON = "not_json"
    NOT_AS_AGREED = "not_as_agreed"


class Unreadable(Exception):
    """The message is not what the contract says. Quotes nothing of it."""

    def __init__(self, why: Why, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{why}: {', '.join(fields)}" if fields else str(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Message:
    """An event as Kafka carries it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def write(event: Event) -> Message:
    """The event in binary mode."""
    cloud = CloudEvent(
        {
            "specversion": "1.0",
            "id": event.event_id,
            "source": event.source,
            "type": event.type(),
            "time": event.time or datetime.now(UTC),
            "datacontenttype": JSON,
        },
        event.model_dump(mode="json", exclude_none=True),
    )
    bound = to_binary(cloud, JSONFormat())
    return Message(
        topic=event.topic,
        key=event.appointment_id.encode(),
        value=bound.value,
        headers=tuple(bound.headers.items()),
    )


def read(
    headers: Iterable[tuple[str, bytes]],
    value: bytes | None,
    expected: Iterable[type[Event]],
) -> Event | None:
    """The event in a message, or nothing when its type is not among the expected.

    Raises `Unreadable` when it is not a CloudEvent, or not what its type promises.
    """
    cloud = _opened(dict(headers), value or b"")
    event = {each.type(): each for each in expected}.get(cloud.get_type())
    if event is None:
        return None
    return _parsed(event, cloud)


def _opened(headers: dict[str, bytes], value: bytes) -> CloudEvent:
    binary = any(name.lower().startswith("ce_") for name in headers)
    if binary and not any(name.lower() == "content-type" for name in headers):
        headers = {**headers, "content-type": JSON.encode()}
    try:
        cloud = from_kafka(KafkaMessage(headers, None, value), JSONFormat(), CloudEvent)
    except ValueError:
        raise Unreadable(Why.NOT_JSON) from None
    except Exception:  # noqa: BLE001 - the SDK raises many kinds; some quote the message
        raise Unreadable(Why.NOT_A_CLOUDEVENT) from None
    if not isinstance(cloud, CloudEvent):
        raise Unreadable(Why.NOT_A_CLOUDEVENT)
    return cloud


def _parsed(event: type[Event], cloud: CloudEvent) -> Event:
    data: Any = cloud.get_data()
    if not isinstance(data, dict):
        raise Unreadable(Why.NOT_AS_AGREED, ["data"])
    envelope = {
        "event_id": cloud.get_id(),
        "source": cloud.get_source(),
        "time": cloud.get_time(),
    }
    try:
        return event.model_validate({**data, **envelope})
    except ValidationError as wrong:
        fields = [".".join(map(str, each["loc"])) for each in wrong.errors()]
        raise Unreadable(Why.NOT_AS_AGREED, fields) from None
