"""The protocol as it is written and as it is spoken are one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.signalling import protocol
from services.signalling.domain import BadFrame
from services.signalling.protocol import CLOSINGS, Signal, Told, numbered, parse

PAGE = (Path(__file__).parents[2] / "docs/protocol.md").read_text("utf-8")
BLOCK = re.compile(r"```json (client|server)\n(.*?)```", re.DOTALL)
ERROR = re.compile(r"^\| `(\w+)` \| (\d+) \| (\w+) \|", re.MULTILINE)
TOLD: TypeAdapter[Told] = TypeAdapter(Told)


def examples(speaker: str) -> list[dict[str, Any]]:
    return [json.loads(text) for who, text in BLOCK.findall(PAGE) if who == speaker]


def types(speaker: str) -> set[str]:
    return {each["type"] for each in examples(speaker)}


@pytest.mark.parametrize("example", examples("client"), ids=lambda each: each["type"])
def test_what_the_page_has_a_client_say_is_understood(example: dict[str, Any]) -> None:
    understood = json.loads(parse(json.dumps(example)).body())
    assert understood == example


@pytest.mark.parametrize("example", examples("server"), ids=lambda each: each["type"])
def test_what_the_page_has_the_server_say_is_what_it_says(
    example: dict[str, Any],
) -> None:
    frame = TOLD.validate_json(json.dumps(example))
    assert json.loads(numbered(example["seq"], frame.body())) == example


def test_the_page_shows_every_frame_there_is() -> None:
    kinds = (*protocol.Told.__args__, *protocol.Said.__args__)
    spoken = {kind.model_fields["type"].annotation.__args__[0] for kind in kinds}
    assert types("client") | types("server") == spoken


def test_every_error_stands_on_the_page_with_its_action_and_close() -> None:
    written = {
        code: (int(close), action) for code, close, action in ERROR.findall(PAGE)
    }
    spoken = {
        kind.code: (int(closing.code), str(closing.action))
        for kind, closing in CLOSINGS.items()
    }
    assert written == spoken


def test_no_two_errors_share_a_close_code() -> None:
    codes = [closing.code for closing in CLOSINGS.values()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "hello",
        '"hello"',
        "{}",
        '{"type":"unheard-of"}',
        '{"type":"hello","resume":{"session":"x"}}',
        '{"type":"hello","resume":{"session":"x","seen":-1}}',
        '{"type":"hello","resume":{"session":"x","seen":"1"}}',
        '{"type":"seen","seq":1.5}',
        '{"type":"seen","seq":true}',
        '{"type":"media","microphone":1,"camera":true}',
        '{"type":"leave","for_everyone":"yes"}',
        '{"type":"signal","to":"p-1"}',
        '{"type":"signal","to":"","candidate":{"candidate":""}}',
        '{"type":"signal","to":"p-1","description":{"type":"rollback","sdp":""}}',
        '{"type":"signal","to":"p-1","description":{"type":"offer","sdp":""},"candidate":{"candidate":""}}',
        '{"type":"signal","to":"p-1","ask":"restart","candidate":{"candidate":""}}',
        '{"type":"signal","to":"p-1","ask":"everything"}',
        '{"type":"signal","to":"p-1","ask":"offer","connection":""}',
        '{"type":"signal","to":"p-1","ask":"offer","round":-1}',
        '{"type":"media","microphone":true,"camera":true,"\\ud800":1}',
        "[" * 10_000,
    ],
)
def test_what_is_no_frame_is_refused_as_one(text: str) -> None:
    with pytest.raises(BadFrame):
        parse(text)


def test_a_description_and_a_candidate_have_their_size() -> None:
    def signal(description: int, candidate: int) -> str:
        part: dict[str, Any] = (
            {"description": {"type": "offer", "sdp": "x" * description}}
            if description
            else {"candidate": {"candidate": "x" * candidate}}
        )
        return json.dumps({"type": "signal", "to": "p-1", **part})

    assert isinstance(parse(signal(32 * 1024, 0)), Signal)
    assert isinstance(parse(signal(0, 2 * 1024)), Signal)
    for text in (signal(32 * 1024 + 1, 0), signal(0, 2 * 1024 + 1)):
        with pytest.raises(BadFrame):
            parse(text)


def test_a_refused_frame_is_not_quoted() -> None:
    said = {"type": "signal", "to": ["secret"], "description": {"type": "secret"}}
    with pytest.raises(BadFrame) as refused:
        parse(json.dumps(said))
    assert "secret" not in str(refused.value)


FIELDS = (
    *("admission", "resume", "to", "description", "candidate"),
    *("connection", "meant_for", "round", "ask"),
    *("microphone", "camera", "for_everyone", "seq"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
frames = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(types("client"))) | st.text()},
    optional=dict.fromkeys(FIELDS, json_values),
)


@given(st.text() | json_values.map(json.dumps) | frames.map(json.dumps))
def test_nothing_but_a_frame_or_a_refusal_comes_of_any_text(text: str) -> None:
    try:
        frame = parse(text)
    except BadFrame:
        return
    assert parse(frame.body()) == frame
