"""What was said once is readable for good."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import jsonschema
import pytest
from pydantic import create_model

from contract.catalogue import CATALOGUE
from contract.envelope import Event, read, write
from contract.samples import FOLDER, binary_samples, sample
from contract.shapes import schema
from contract.slot import Slot, SlotEvent

EVENTS = [entry.event for entry in CATALOGUE]
SAMPLES = [(each, name) for each in EVENTS for name in binary_samples(each.type())]
SLOT_EVENTS = [each for each in EVENTS if issubclass(each, SlotEvent)]
each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type())
each_slot_event = pytest.mark.parametrize(
    "event", SLOT_EVENTS, ids=lambda event: event.type()
)
each_sample = pytest.mark.parametrize(
    ("event", "name"), SAMPLES, ids=[name for _, name in SAMPLES]
)
THE_SLOT = Slot(datetime(2026, 11, 23, 8, tzinfo=UTC), 0)


def said(event: type[Event], name: str) -> Event:
    headers, value = sample(name).carried()
    made = read(headers, value, [event])
    assert made is not None
    return made


def as_before_slots(event: type[Event]) -> type[Event]:
    """The model of this event as it was before events named their slots."""
    fields: dict[str, Any] = {
        name: (each.annotation, each)
        for name, each in event.model_fields.items()
        if name not in {*SlotEvent.__annotations__, *Event.model_fields}
    }
    model = create_model(event.__name__, __base__=Event, **fields)
    model.topic = event.topic
    return model


@each_event
def test_each_published_version_has_a_sample(event: type[Event]) -> None:
    assert event.type() in binary_samples(event.type())


@each_sample
def test_a_sample_is_still_read(event: type[Event], name: str) -> None:
    assert type(said(event, name)) is event


@each_slot_event
def test_an_event_of_before_names_no_slot_and_one_of_today_does(
    event: type[SlotEvent],
) -> None:
    before, today = (said(event, name) for name in binary_samples(event.type()))
    assert isinstance(before, SlotEvent)
    assert isinstance(today, SlotEvent)
    assert before.slot is None
    assert today.slot == THE_SLOT


@each_slot_event
def test_yesterdays_reader_reads_todays_event_as_it_read_yesterdays(
    event: type[SlotEvent],
) -> None:
    yesterday = as_before_slots(event)
    before, today = (said(yesterday, name) for name in binary_samples(event.type()))
    assert today.model_dump() == before.model_dump()
    assert not {"starts_at", "sequence"} & today.model_dump().keys()


@each_sample
def test_what_was_read_is_written_as_it_came(event: type[Event], name: str) -> None:
    golden = sample(name)
    written = write(said(event, name))
    assert written.topic == event.topic
    assert written.key.decode() == golden.key
    assert json.loads(written.value) == golden.value
    assert {name: value.decode() for name, value in written.headers} == golden.headers


@each_sample
def test_a_sample_is_as_its_schema_has_it(event: type[Event], name: str) -> None:
    jsonschema.validate(
        sample(name).value,
        schema(event),
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


@each_event
def test_a_published_sample_is_never_edited(event: type[Event]) -> None:
    lines = (FOLDER / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    of = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.glob(f"{event.type()}*.json")
    }
    assert of == {name: sums[name] for name in of}


def people(told: object) -> Iterator[str]:
    match told:
        case {"name": str(name), **rest}:
            yield name
            yield from people(rest)
        case dict():
            yield from chain.from_iterable(map(people, told.values()))
        case list():
            yield from chain.from_iterable(map(people, told))


@each_sample
def test_a_sample_names_only_test_persons(event: type[Event], name: str) -> None:
    named = list(people(sample(name).value))
    assert all(each.startswith("Testi") for each in named), event
