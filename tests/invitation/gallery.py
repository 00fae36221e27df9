"""Every letter there is, to look at: each wording, in each language, to a patient; and an
invitation and a cancellation to an interpreter. All names are made up and marked as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from contract.booking import Language
from services.invitation import words
from services.invitation.domain import Appointment
from services.invitation.form import Wording
from services.invitation.letter import LetterWriter
from tests.invitation.office import booking

UNIT = {
    "id": "u-1",
    "name": {
        "sv": "Testby hälsostation",
        "fi": "Testilän terveysasema",
        "en": "Testby health centre",
    },
    "phone": "06 123 4567",
    "url": "https://testby.example/kontakt",
}
INTERPRETER = {
    "name": "Testi-Tulkki",
    "email": "testi-tulkki@example.test",
    "role": "interpreter",
}
LINK = "https://video.county.example/v/K7dU1pQz8mJ4xYw2bR5tCg?lang="
KINDS = [
    *((f"{each}", each, False) for each in Wording),
    ("companion-invitation", Wording.INVITATION, True),
    ("companion-cancellation", Wording.CANCELLATION, True),
]


@dataclass(frozen=True)
class Shown:
    kind: str
    language: Language
    html: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.language}"


def gallery() -> Iterator[Shown]:
    letters = LetterWriter(words.load())
    patient = Appointment("testi-1").after(booking(unit=UNIT, companions=[INTERPRETER]))
    _, companion = patient.views()
    for (kind, wording, to_companion), language in product(KINDS, Language):
        letter = letters.write(
            companion if to_companion else patient,
            wording,
            f"{LINK}{language}",
            language,
            minutes=20,
        )
        yield Shown(kind, language, letter.html)
