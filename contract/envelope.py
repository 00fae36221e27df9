"""The outside of every event: CloudEvents 1.0 on Kafka.

Written in binary mode, read in binary and structured mode.
Source: CloudEvents 1.0.2, Kafka protocol binding.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from uuid import uuid4

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import (
    KafkaMessage,
    from_binary,
    from_structured,
    to_binary,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from contract.personal import ONE_LINE

JSON = "application/json"
STRUCTURED = b"application/cloudevents"
CONTENT_TYPE = "content-type"
AppointmentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=ONE_LINE)]


class Said(BaseModel):
    """A part of what is said. Unknown fields are let pass; errors never quote a value."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
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
    "The booking system's name for the appointment, and the key of every message."

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


class Lost(StrEnum):
    """Why Kafka's own bytes could not be read. The codes stand in `docs/events.md`."""

    CORRUPT = "corrupt"
    UNKNOWN_CODEC = "unknown_codec"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too_large"


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
    """The event in binary mode. `told_by` has said who speaks, and when."""
    if event.time is None:
        raise ValueError("Nobody has told this event yet: see Event.told_by")
    cloud = CloudEvent(
        {
            "specversion": "1.0",
            "id": event.event_id,
            "source": event.source,
            "type": event.type(),
            "time": event.time,
            "datacontenttype": JSON,
        },
        event.model_dump(mode="json", exclude_none=True, exclude_unset=True),
    )
    bound = to_binary(cloud, JSONFormat())
    return Message(
        topic=event.topic,
        key=event.appointment_id.encode(),
        value=bound.value,
        headers=tuple(bound.headers.items()),
    )


def read(
    headers: Iterable[tuple[str, bytes | None]],
    value: bytes | None,
    expected: Iterable[type[Event]],
) -> Event | None:
    """The event in a message, or nothing when its type is not among the expected.

    Raises `Unreadable` when it is not a CloudEvent, or not what its type promises.
    """
    cloud, data = _opened(_ours(headers), value or b"")
    event = {each.type(): each for each in expected}.get(cloud.get_type())
    if event is None:
        return None
    return _parsed(event, cloud, _fields(data))


def _ours(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """The headers that CloudEvents speaks of; what others added may be anything."""
    named = ((name.lower(), value) for name, value in headers)
    return {
        name: value
        for name, value in named
        if value is not None and (name.startswith("ce_") or name == CONTENT_TYPE)
    }


def _opened(headers: dict[str, bytes], value: bytes) -> tuple[BaseCloudEvent, Any]:
    """The envelope, and its data still closed unless JSON was all around it.

    The content type says the mode: a structured message may have ce_ headers too.
    """
    if not headers.get(CONTENT_TYPE, b"").lower().startswith(STRUCTURED):
        return _envelope(from_binary, KafkaMessage(headers, None, b"")), value
    _from_json(value)  # bad JSON and a bad envelope are not the same complaint
    cloud = _envelope(from_structured, KafkaMessage(headers, None, value))
    return cloud, cloud.get_data()


def _envelope(
    open_: Callable[..., BaseCloudEvent], message: KafkaMessage
) -> BaseCloudEvent:
    try:
        return open_(message, JSONFormat(), _complete)
    except Exception:  # noqa: BLE001 - the SDK raises many kinds; some quote the message
        raise Unreadable(Why.NOT_A_CLOUDEVENT) from None


def _complete(attributes: dict[str, Any], data: Any) -> CloudEvent:
    """The SDK would make up an id, and then a repetition could not be recognised."""
    if not {"specversion", "id"} <= attributes.keys():
        raise Unreadable(Why.NOT_A_CLOUDEVENT)
    timed = "time" in attributes
    cloud = CloudEvent(attributes, data)
    if not timed:  # and a time, which would be ours and not the speaker's
        del cloud.get_attributes()["time"]
    return cloud


def _fields(data: Any) -> dict[str, Any]:
    if isinstance(data, str | bytes):
        data = _from_json(data)
    if not isinstance(data, dict):
        raise Unreadable(Why.NOT_AS_AGREED, ["data"])
    return data


def _from_json(data: str | bytes) -> Any:
    try:
        return from_json(data)
    except ValueError:
        raise Unreadable(Why.NOT_JSON) from None


def _parsed(event: type[Event], cloud: BaseCloudEvent, data: dict[str, Any]) -> Event:
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
