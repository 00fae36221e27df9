"""What messages say, in each language, and how each language writes a time.

A service's `texts/<language>.json` holds one key per sentence; a test holds them complete.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from contract.booking import Language

HELSINKI = ZoneInfo("Europe/Helsinki")  # what a patient's clock shows
LOCALES = {
    Language.SWEDISH: "sv_FI",
    Language.FINNISH: "fi_FI",
    Language.ENGLISH: "en_GB",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words. A key that is not there raises `KeyError`."""

    language: Language
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: str) -> str:
        return self.texts[key].format_map(values)

    def time(self, at: datetime, pattern: str) -> str:
        """In Finnish time; `pattern` is the key of a date pattern (UTS 35)."""
        return format_datetime(
            at, self.texts[pattern], tzinfo=HELSINKI, locale=LOCALES[self.language]
        )


def load(package: str) -> Mapping[Language, Words]:
    """The words of a service: `texts/<language>.json` in its folder."""
    folder = files(package) / "texts"
    return {
        each: Words(each, json.loads((folder / f"{each}.json").read_text("utf-8")))
        for each in Language
    }
