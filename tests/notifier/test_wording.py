"""The words of messages: each key in each language, none too many, nobody named."""

import json
import re
from importlib.resources import files
from string import Formatter

import pytest

from contract.booking import Language
from services.notifier.message import Subject

FOLDER = files("services.notifier") / "texts"
TO_PATIENTS = (Subject.YOUR_TURN, Subject.ADMITTED, Subject.DELAY, Subject.ON_TIME)
KEYS = {
    "clock",
    "push_title",
    "push_message",
    *(f"sms_{each}" for each in (*TO_PATIENTS, Subject.DOORBELL)),
    *(f"push_{each}" for each in (*TO_PATIENTS, Subject.DOORBELL)),
    "email_doorbell_subject",
    "email_doorbell",
}
# What a text message on somebody else's table may not give away.
TELLING = re.compile(
    r"health|doctor|nurse|care|patient|hälsa|läkare|vård|sjuk|lääkär|terve|sairaa|hoita|potila",
    re.IGNORECASE,
)


def texts(language: Language) -> dict[str, str]:
    told: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return told


@pytest.mark.parametrize("language", list(Language))
def test_each_language_has_each_key_and_no_other(language: Language) -> None:
    assert set(texts(language)) == KEYS


@pytest.mark.parametrize("key", sorted(KEYS - {"clock"}))
def test_the_languages_fill_in_the_same(key: str) -> None:
    fields = {
        frozenset(name for _, name, _, _ in Formatter().parse(texts(each)[key]) if name)
        for each in Language
    }
    assert len(fields) == 1


@pytest.mark.parametrize("language", list(Language))
def test_nothing_is_said_about_health(language: Language) -> None:
    told = {key: text for key, text in texts(language).items() if TELLING.search(text)}
    assert told == {}
