"""The letters before anything is filled in: one for each language, wording and reader.

The text is a Jinja template. The HTML is MJML, which MRML makes into the tables and
conditional comments that mail programs need (`templates/letter.mjml`). Both are made once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from mjml import mjml2html

from contract.booking import Language
from contract.invitation import Kind
from services.invitation.words import Words

NEEDS = ("identify", "devices", "place")
COMPANION = "companion."  # what their own sentences begin with
SHORTLY = timedelta(hours=3)


class Wording(StrEnum):
    """What a letter says, more finely than its kind."""

    INVITATION = "invitation"
    UPDATE = "update"
    CANCELLATION = "cancellation"
    REMINDER = "reminder"
    SOON = "soon"  # a reminder shortly before
    DELAY = "delay"
    ON_TIME = "on_time"  # what was said to be late no longer is

    @classmethod
    def of(cls, kind: Kind, before: timedelta, minutes: int) -> Self:
        """`before` is how long until the start; `minutes`, how late it is."""
        if kind is Kind.REMINDER and before < SHORTLY:
            return cls("soon")
        if kind is Kind.DELAY and not minutes:
            return cls("on_time")
        return cls(kind)


WITH_NEEDS = frozenset(Wording) - {
    Wording.CANCELLATION,
    Wording.DELAY,
    Wording.ON_TIME,
}
WITH_ENTRY = frozenset({Wording.INVITATION, Wording.UPDATE, Wording.CANCELLATION})


class Key(NamedTuple):
    language: Language
    wording: Wording
    to_companion: bool


@dataclass(frozen=True, slots=True)
class Form:
    """A letter with gaps, as `skeleton` reads them."""

    text: str
    html: str


def forms(catalogue: Mapping[Language, Words]) -> Mapping[Key, Form]:
    templates = Environment(
        loader=PackageLoader("services.invitation"),
        autoescape=select_autoescape(["mjml"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = templates.get_template("letter.txt")
    mjml = templates.get_template("letter.mjml")

    def form(key: Key) -> Form:
        values = {
            "words": catalogue[key.language],
            "wording": key.wording,
            "whose": COMPANION if key.to_companion else "",
            "needs": NEEDS if key.wording in WITH_NEEDS else (),
            "entry": key.wording in WITH_ENTRY,
        }
        return Form(text.render(values), _html(mjml.render(values)))

    return {
        key: form(key)
        for language in catalogue
        for wording in Wording
        for to_companion in (False, True)
        for key in [Key(language, wording, to_companion)]
    }


def _html(mjml: str) -> str:
    """Without `fonts`, MRML would load those that it knows by name from Google."""
    return f"{mjml2html(mjml, fonts={})}\n"
