"""The pages' words: one key per sentence, in three languages, none missing and none left over."""

import json
import re
from pathlib import Path

import pytest

from services.lobby.message import Canned

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"
LANGUAGES = ("sv", "fi", "en")
SAID = re.compile(r"""\bt\(\s*['"]([a-z0-9_.]+)['"]\s*[,)]""")
PLACES = re.compile(r"\{(\w+)\}")
SUFFIXES = ("", ".do")


def words(language: str) -> dict[str, str]:
    text = (FRONTEND / "locales" / f"{language}.json").read_text(encoding="utf-8")
    return dict(json.loads(text, object_pairs_hook=_once))


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "a key stands twice"
    return dict(pairs)


def sources() -> str:
    files = [*FRONTEND.glob("*.js"), *FRONTEND.glob("pages/*.html")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def closed_set(page: str, start: str) -> set[str]:
    """The names in a template's list, such as the reasons of a refusal."""
    text = (FRONTEND / "pages" / page).read_text(encoding="utf-8")
    found = re.search(re.escape(start) + r" \(([^)]*)\)", text)
    assert found, start
    return set(re.findall(r'"(\w+)"', found[1]))


def said() -> set[str]:
    """Every key that a page or a module says, the made-up ones spelt out."""
    sorry = closed_set("sorry.html", "set known =")
    reasons = closed_set("staff.html", "for reason in")
    return (
        set(SAID.findall(sources()))
        | {f"sorry.{code}.{part}" for code in sorry for part in ("title", "text")}
        | {f"reason.{reason}" for reason in reasons}
        | {f"message.{code}" for code in Canned}
    )


def problem_codes() -> set[str]:
    """The codes that a service or a page itself can refuse with."""
    services = [
        path.read_text(encoding="utf-8")
        for folder in ("services", "chassis")
        for path in (ROOT / folder).rglob("*.py")
    ]
    refusals = re.findall(r'\bcode = "(\w+)"', "\n".join(services))
    return set(refusals) | set(re.findall(r"'([a-z_]+)'", sources()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_is_said_is_known(language: str) -> None:
    assert said() - set(words(language)) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_is_left_over(language: str) -> None:
    problems = {
        f"problem.{code}{suffix}" for code in problem_codes() for suffix in SUFFIXES
    }
    assert set(words(language)) - said() - problems == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_says_what_to_do(language: str) -> None:
    keys = {key for key in words(language) if key.startswith("problem.")}
    named = {key for key in keys if not key.endswith(".do")}
    assert {f"{key}.do" for key in named} == keys - named


@pytest.mark.parametrize("language", ["fi", "en"])
def test_the_languages_have_the_same_keys_and_places(language: str) -> None:
    def shape(texts: dict[str, str]) -> dict[str, list[str]]:
        return {key: sorted(PLACES.findall(text)) for key, text in texts.items()}

    assert shape(words(language)) == shape(words("sv"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_loosely_spaced(language: str) -> None:
    for key, text in words(language).items():
        assert text == text.strip() != "", key
        assert "  " not in text, key


def test_a_patient_reads_every_reason_that_staff_can_give() -> None:
    reasons = closed_set("staff.html", "for reason in")
    assert {f"told.{reason}" for reason in reasons} <= set(words("sv"))
