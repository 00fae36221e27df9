"""The units file: checked at the start, without a word of what is in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contract.booking import Language
from services.notifier.units import Day, Units

HOOK = {
    "url": "https://system.example/hook?key=secret-in-url",
    "secrets": ["whsec_" + "A" * 43 + "="],
    "events": ["patient.waiting"],
}
FULL = {
    "duty": {"email": "duty@unit.example", "phone": "041 234 5678", "language": "sv"},
    "ladder": {"push": 10, "colleague": 20, "duty": 30},
    "quiet": [{"from": "20:00", "to": "07:00", "days": ["sat", "sun"]}],
    "webhook": HOOK,
}


def read(units: Any, folder: Path, *, plain: bool = False) -> Units:
    path = folder / "units.json"
    path.write_text(json.dumps({"units": units}))
    return Units.read(path, plain_allowed=plain)


def test_a_unit_says_what_it_wants(tmp_path: Path) -> None:
    unit = read({"u-1": FULL}, tmp_path).of("u-1")
    assert unit.duty.language is Language.SWEDISH
    assert unit.ladder.duty == 30
    assert unit.quiet[0].days == {Day.SATURDAY, Day.SUNDAY}
    assert unit.quiet[0].begins.hour == 20
    assert unit.webhook
    assert unit.webhook.events == {"patient.waiting"}


def test_what_a_unit_does_not_say_all_units_say(tmp_path: Path) -> None:
    units = read({"*": FULL, "u-1": {"ladder": {"push": 5}}}, tmp_path)
    assert units.of("u-1").ladder.push == 5
    assert units.of("u-1").ladder.duty == 180  # a part is taken whole
    assert units.of("u-1").duty.phone
    assert units.of("another").webhook
    assert units.of(None).quiet


def test_without_a_file_no_unit_wants_anything() -> None:
    unit = Units.read(None, plain_allowed=False).of("u-1")
    assert unit.webhook is None
    assert unit.duty.email is None
    assert unit.ladder.push == 30


def test_some_units_may_hear_what_others_do_not(tmp_path: Path) -> None:
    units = read({"u-1": FULL}, tmp_path)
    assert units.anyone_hears("patient.waiting")
    assert not units.anyone_hears("call.ended")


@pytest.mark.parametrize(
    "wrong",
    [
        {"dutty": {}},
        {"duty": {"mail": "x@y.example"}},
        {"ladder": {"push": -1}},
        {"quiet": [{"from": "25:00", "to": "07:00"}]},
        {"quiet": [{"from": "20:00", "to": "07:00", "days": ["lauantai"]}]},
        {"webhook": {**HOOK, "url": "ftp://system.example"}},
        {"webhook": {**HOOK, "url": "https://user:word@system.example"}},
        {"webhook": {**HOOK, "url": "https://[x"}},
        {"webhook": {**HOOK, "url": "https://system.example:99999/"}},
        {"webhook": {**HOOK, "url": "https://xn--/"}},
        {"webhook": {**HOOK, "url": "https://system.example/\x00"}},
        {"ladder": {"push": 1e300}},
        {"webhook": {**HOOK, "secrets": []}},
        {"webhook": {**HOOK, "secrets": ["whsec_"]}},
        {"webhook": {**HOOK, "secrets": ["plain word"]}},
        {"webhook": {**HOOK, "events": []}},
        {"webhook": {**HOOK, "events": ["patient.wait"]}},
        [],
    ],
)
def test_a_mistake_is_refused_and_no_value_quoted(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as refused:
        read({"u-1": wrong}, tmp_path)
    for value in ("secret-in-url", "x@y.example", "user:word", "plain word"):
        assert value not in str(refused.value)


def test_a_webhook_goes_encrypted_outside_of_development(tmp_path: Path) -> None:
    plain = {"webhook": {**HOOK, "url": "http://system.example/hook"}}
    with pytest.raises(ValueError, match="https"):
        read({"u-1": plain}, tmp_path)
    assert read({"u-1": plain}, tmp_path, plain=True)


def test_what_is_secret_does_not_print(tmp_path: Path) -> None:
    shown = repr(read({"u-1": FULL}, tmp_path))
    for secret in ("secret-in-url", "whsec_", "duty@unit.example", "041"):
        assert secret not in shown
