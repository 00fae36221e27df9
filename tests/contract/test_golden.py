"""What was said once is readable for good."""

import hashlib
import json
from collections.abc import Iterator
from itertools import chain

import jsonschema
import pytest

from contract.catalogue import CATALOGUE
from contract.envelope import Event, read, write
from contract.samples import FOLDER, sample
from contract.shapes import schema

EVENTS = [entry.event for entry in CATALOGUE]
pytestmark = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type())


def said(event: type[Event]) -> Event:
    headers, value = sample(event.type()).carried()
    made = read(headers, value, [event])
    assert made is not None
    return made


def test_each_published_version_has_a_sample_that_is_still_read(
    event: type[Event],
) -> None:
    assert type(said(event)) is event


def test_what_was_read_is_written_as_it_came(event: type[Event]) -> None:
    golden = sample(event.type())
    written = write(said(event))
    assert written.topic == event.topic
    assert written.key.decode() == golden.key
    assert json.loads(written.value) == golden.value
    assert {name: value.decode() for name, value in written.headers} == golden.headers


def test_a_sample_is_as_its_schema_has_it(event: type[Event]) -> None:
    jsonschema.validate(
        sample(event.type()).value,
        schema(event),
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


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


def test_a_sample_names_only_test_persons(event: type[Event]) -> None:
    assert all(name.startswith("Testi") for name in people(sample(event.type()).value))
