"""What an e-mail says: subject, text and HTML, in the reader's language.

Nothing about health stands in it, and nobody's name: the unit and the time say enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from urllib.parse import urlsplit

from contract.booking import Language, Unit
from services.invitation.domain import Appointment
from services.invitation.form import COMPANION, Form, Key, Wording, forms
from services.invitation.skeleton import Skeleton
from services.invitation.words import Words

STEP = 5  # minutes: nobody is late to the minute


@dataclass(frozen=True, slots=True)
class Letter:
    """A form, and what stands in its gaps for one reader."""

    key: Key
    form: Form = field(repr=False)
    subject: str = field(repr=False)
    gaps: Mapping[str, str] = field(repr=False)

    @property
    def text(self) -> str:
        return Skeleton.of(self.form.text).filled(self.gaps)

    @property
    def html(self) -> str:
        return Skeleton.of(self.form.html, gap=escape).filled(self.gaps)


class LetterWriter:
    """Writes letters. The forms are made once."""

    def __init__(self, catalogue: Mapping[Language, Words]) -> None:
        self._catalogue = catalogue
        self.forms = forms(catalogue)

    def write(
        self,
        appointment: Appointment,
        wording: Wording,
        link: str,
        language: Language | None = None,
        minutes: int = 0,
    ) -> Letter:
        """In the recipient's language unless another is asked for.

        `minutes` is how late the professional is.
        """
        recipient, times = appointment.known()
        words = self._catalogue[language or recipient.language]
        key = Key(words.language, wording, recipient.role is not None)
        whose = COMPANION if key.to_companion else ""
        when = _when(words, times.starts_at, times.ends_at)
        return Letter(
            key,
            self.forms[key],
            subject=words(
                f"{whose}subject.{wording}",
                day=words.time(times.starts_at, "pattern.short_day"),
                start=when["start"],
            ),
            gaps={
                **when,
                **_contact(recipient.unit, words.language),
                "role": words(f"as.{recipient.role}") if recipient.role else "",
                "minutes": str(-(-minutes // STEP) * STEP),
                "link": link,
            },
        )


def _when(words: Words, starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    day = words.time(starts_at, "pattern.day")
    start = words.time(starts_at, "pattern.time")
    return {
        "day": day[:1].upper() + day[1:],
        "start": start,
        "clock": words("clock", start=start, end=words.time(ends_at, "pattern.time")),
        "month": words.time(starts_at, "pattern.leaf_month"),
        "number": words.time(starts_at, "pattern.leaf_day"),
        "weekday": words.time(starts_at, "pattern.leaf_weekday"),
    }


def _contact(unit: Unit, language: Language) -> dict[str, str]:
    """How to reach the unit, as far as its booking system says."""
    phone, url = unit.phone or "", unit.url or ""
    return {
        "unit": getattr(unit.name, language),
        "phone": phone,
        "dial": "".join(each for each in phone if each in "+0123456789"),
        "url": url,
        "page": urlsplit(url).netloc,
    }
