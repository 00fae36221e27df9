"""The generated files say what the code says, and are what they claim to be."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contract.__main__ import ROOT, documents
from contract.catalogue import CATALOGUE, SERVICES, topics
from contract.envelope import Why

DOCUMENTS = documents()
ASYNCAPI_SCHEMA = ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0.json"


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(
        (ROOT / "contract/asyncapi.yaml").read_text("utf-8")
    )
    return document


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_generated_file_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == DOCUMENTS[path], "make contract"


def test_no_schema_outlives_its_event() -> None:
    kept = {path.stem for path in (ROOT / "contract/schemas").iterdir()}
    assert kept == {entry.event.type() for entry in CATALOGUE}


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.event.type())
def test_each_schema_is_json_schema_of_2020(entry: Any) -> None:
    path = ROOT / f"contract/schemas/{entry.event.type()}.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))


def test_the_document_is_asyncapi_3(asyncapi: dict[str, Any]) -> None:
    official = json.loads(ASYNCAPI_SCHEMA.read_text("utf-8"))
    jsonschema.validate(asyncapi, official, cls=jsonschema.Draft7Validator)


def test_each_reference_in_the_document_leads_somewhere(
    asyncapi: dict[str, Any],
) -> None:
    for where in _references(asyncapi):
        path, _, inside = where.partition("#")
        assert path == "" or (ROOT / "contract" / path).is_file(), where
        _follow(asyncapi, inside)


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [where for each in node for where in _references(each)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return here + [where for each in node.values() for where in _references(each)]


def _follow(document: dict[str, Any], inside: str) -> None:
    node = document
    for step in inside.split("/")[1:]:
        node = node[step]


def test_the_document_has_each_topic_and_nothing_else(
    asyncapi: dict[str, Any],
) -> None:
    assert {each["address"] for each in asyncapi["channels"].values()} == set(topics())


def test_each_event_is_sent_by_one_and_received_by_each_hearer(
    asyncapi: dict[str, Any],
) -> None:
    told = {
        (
            operation["action"],
            operation["tags"][0]["name"],
            operation["channel"]["$ref"],
        )
        for operation in asyncapi["operations"].values()
    }
    for entry in CATALOGUE:
        channel = f"#/channels/{entry.event.topic}"
        assert ("send", entry.speaker, channel) in told
        assert {("receive", hearer, channel) for hearer in entry.hearers} <= told


def test_a_service_hears_with_its_own_name_as_consumer_group(
    asyncapi: dict[str, Any],
) -> None:
    for operation in asyncapi["operations"].values():
        who = operation["tags"][0]["name"]
        if operation["action"] == "receive" and who in SERVICES:
            assert operation["bindings"]["kafka"]["groupId"]["enum"] == [who]


def test_the_page_explains_each_reason_and_each_event() -> None:
    page = (ROOT / "docs/events.md").read_text("utf-8")
    names = [*map(str, Why), *(entry.event.type() for entry in CATALOGUE)]
    assert [name for name in names if f"`{name}`" not in page] == []
