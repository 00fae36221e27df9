"""`docs/events.md`: the contract for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contract.catalogue import CATALOGUE, PERSONAL_KEPT
from contract.envelope import Event, Lost, Why
from contract.shapes import meaning, schema

Shape = dict[str, Any]

REASONS = {
    Why.NOT_A_CLOUDEVENT: "A required header is missing, or a header is not as "
    "CloudEvents 1.0 has it.",
    Why.NOT_JSON: "The value is not JSON.",
    Why.NOT_AS_AGREED: "The value is JSON, but not as its type has it: a field is "
    "missing or has another shape.",
    "failing": "It could be read, but acting on it failed several times.",
    Lost.CORRUPT: "The bytes in Kafka are damaged (their checksum is wrong). The dead "
    "letter has no value: `parked-offset` says where the bytes lie.",
    Lost.UNKNOWN_CODEC: "Compressed with something else than gzip, snappy, lz4 or zstd; "
    "no value either.",
    Lost.UNDECODABLE: "Kafka's batch cannot be unpacked: damaged compression, or a "
    "header's name that is not UTF-8; no value either.",
    Lost.TOO_LARGE: "The batch claims to be larger than anything Kafka may hold; no "
    "value either.",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A row of an event's table."""

    path: str
    required: bool
    shape: str
    meaning: str


def page() -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown made from our own models
        keep_trailing_newline=True,
    )
    environment.filters |= {"anchor": _anchor, "dedent": cleandoc}
    return environment.get_template("guide.md.jinja").render(
        catalogue=CATALOGUE,
        personal_kept=PERSONAL_KEPT,
        reasons=REASONS,
        fields=fields,
        meaning=meaning,
    )


def fields(event: type[Event]) -> Iterator[Field]:
    """Every field of the event, nested ones with dots."""
    made = schema(event)
    return _fields(made, made.get("$defs", {}), "")


def _fields(parent: Shape, parts: Shape, path: str) -> Iterator[Field]:
    for name, told in parent["properties"].items():
        shape, many = _plain(told, parts)
        yield Field(
            path=f"{path}{name}",
            required=name in parent.get("required", ()),
            shape=f"list of {_words(shape)}" if many else _words(shape),
            meaning=told.get("description", shape.get("description", "")).replace(
                "\n", " "
            ),
        )
        if "properties" in shape:
            yield from _fields(shape, parts, f"{path}{name}{'[]' if many else ''}.")


def _plain(told: Shape, parts: Shape) -> tuple[Shape, bool]:
    """The shape behind references, null and lists; and whether it was a list."""
    for each in told.get("anyOf", ()):
        if each.get("type") != "null":
            return _plain(each, parts)
    if told.get("type") == "array":
        return _plain(told["items"], parts)[0], True
    if "$ref" in told:
        return parts[told["$ref"].rpartition("/")[2]], False
    return told, False


def _words(shape: Shape) -> str:
    if "enum" in shape:
        return ", ".join(f"`{each}`" for each in shape["enum"])
    if "format" in shape:
        return str(shape["format"])
    bounds = [
        f"{sign} {shape[bound]}"
        for bound, sign in (("minimum", "≥"), ("maximum", "≤"))
        if bound in shape
    ]
    return " ".join([shape["type"], *bounds])


def _anchor(heading: str) -> str:
    """As GitHub and GitLab make them from a heading."""
    return heading.replace(".", "")
