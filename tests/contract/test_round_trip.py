"""Whatever the schema of an event allows is read, and comes back as it was said."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue import BOOKING_SYSTEM, CATALOGUE
from contract.envelope import Event, Message, read, write
from contract.shapes import schema

Shape = dict[str, Any]
LATEST = datetime(2200, 1, 1)  # noqa: DTZ001 - the zone is drawn beside it
EARLIEST = datetime(1970, 1, 2)  # noqa: DTZ001
ZONES = st.integers(-12 * 60, 14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
LETTERS = st.characters(exclude_categories=["Cc", "Cs"])


def values(shape: Shape, parts: Shape) -> st.SearchStrategy[Any]:
    """What a JSON Schema of ours allows, in so far as ours use it."""
    if "$ref" in shape:
        return values(parts[shape["$ref"].rpartition("/")[2]], parts)
    if "anyOf" in shape:
        return st.one_of([values(each, parts) for each in shape["anyOf"]])
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    return OF_TYPE[shape["type"]](shape, parts)


def objects(shape: Shape, parts: Shape) -> st.SearchStrategy[Shape]:
    required = shape.get("required", [])
    fields = {name: values(told, parts) for name, told in shape["properties"].items()}
    needed = {name: each for name, each in fields.items() if name in required}
    spare = {name: each for name, each in fields.items() if name not in required}
    return st.fixed_dictionaries(needed, optional=spare).map(in_order)


def arrays(shape: Shape, parts: Shape) -> st.SearchStrategy[list[Any]]:
    return st.lists(values(shape["items"], parts), max_size=3)


def integers(shape: Shape, _: Shape) -> st.SearchStrategy[int]:
    return st.integers(shape.get("minimum", 0), shape.get("maximum", 2**31))


def strings(shape: Shape, _: Shape) -> st.SearchStrategy[str]:
    if shape.get("format") == "date-time":
        times = st.datetimes(EARLIEST, LATEST, timezones=ZONES)
        return times.map(datetime.isoformat)
    if shape.get("format") == "uuid":
        return st.uuids().map(str)
    if "maxLength" not in shape:
        return st.from_regex(shape["pattern"], fullmatch=True, alphabet=LETTERS)
    shortest = shape.get("minLength", 0)
    return st.text(LETTERS, min_size=shortest, max_size=min(shape["maxLength"], 64))


def flags(_: Shape, __: Shape) -> st.SearchStrategy[bool]:
    return st.booleans()


def nothing(_: Shape, __: Shape) -> st.SearchStrategy[None]:
    return st.none()


OF_TYPE: dict[str, Callable[[Shape, Shape], st.SearchStrategy[Any]]] = {
    "object": objects,
    "array": arrays,
    "integer": integers,
    "string": strings,
    "boolean": flags,
    "null": nothing,
}


def in_order(data: Shape) -> Shape:
    """JSON Schema cannot say that an appointment ends after it starts."""
    if "ends_at" in data:
        starts = datetime.fromisoformat(data["starts_at"])
        data["ends_at"] = (starts + timedelta(minutes=30)).isoformat()
    return data


def binary(event: type[Event], data: Shape) -> Message:
    told = {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": f"/{BOOKING_SYSTEM}",
        "ce_type": event.type(),
        "ce_time": datetime.now(UTC).isoformat(),
    }
    headers = tuple((name, value.encode()) for name, value in told.items())
    return Message(event.topic, b"", json.dumps(data).encode(), headers)


def heard(message: Message, expected: Iterable[type[Event]]) -> Event:
    event = read(message.headers, message.value, expected)
    assert event is not None
    return event


@pytest.mark.parametrize(
    "event", [entry.event for entry in CATALOGUE], ids=lambda event: event.type()
)
@given(draw=st.data())
def test_what_a_schema_allows_comes_back_as_it_was_said(
    event: type[Event], draw: st.DataObject
) -> None:
    shape = schema(event)
    data = draw.draw(values(shape, shape.get("$defs", {})))
    said = heard(binary(event, data), [event])
    written = write(said)
    assert heard(written, [event]) == said
    assert written.key.decode() == data["appointment_id"]
    jsonschema.validate(
        json.loads(written.value), shape, cls=jsonschema.Draft202012Validator
    )
