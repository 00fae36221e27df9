"""What an e-mail says: subject, text and HTML, in the reader's language.

Nothing about health stands in it, and nobody's name: the unit and the time say enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from contract.booking import Language
from contract.invitation import Kind
from services.invitation.domain import Appointment
from services.invitation.words import Words

NEEDS = ("identify", "devices", "place")
COMPANION = "companion"  # what their own sentences begin with


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


class LetterWriter:
    """Writes letters. Templates are compiled once."""

    def __init__(self, words: Mapping[Language, Words]) -> None:
        self._words = words
        templates = Environment(
            loader=PackageLoader("services.invitation"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._text = templates.get_template("letter.txt")
        self._html = templates.get_template("letter.html")

    def write(
        self,
        appointment: Appointment,
        kind: Kind,
        link: str,
        language: Language | None = None,
    ) -> Letter:
        """In the recipient's language unless another is asked for."""
        recipient, times = appointment.known()
        words = self._words[language or recipient.language]
        whose = f"{COMPANION}." if recipient.role else ""
        values = {
            **_when(words, times.starts_at, times.ends_at),
            "words": words,
            "kind": kind,
            "whose": whose,
            "role": words(f"as.{recipient.role}") if recipient.role else "",
            "unit": getattr(recipient.unit.name, words.language),
            "link": link,
            "needs": NEEDS,
        }
        return Letter(
            subject=words(
                f"{whose}subject.{kind}",
                day=words.time(times.starts_at, "pattern.short_day"),
                start=words.time(times.starts_at, "pattern.time"),
            ),
            text=self._text.render(values),
            html=self._html.render(values),
        )


def _when(words: Words, starts_at: datetime, ends_at: datetime) -> dict[str, object]:
    day = words.time(starts_at, "pattern.day")
    leaf = ("month", "day", "weekday")
    return {
        "day": day[:1].upper() + day[1:],
        "clock": words(
            "clock",
            start=words.time(starts_at, "pattern.time"),
            end=words.time(ends_at, "pattern.time"),
        ),
        "leaf": {each: words.time(starts_at, f"pattern.leaf_{each}") for each in leaf},
    }
