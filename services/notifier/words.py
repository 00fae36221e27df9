"""What messages say, in each language. Nothing about health, and no name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chassis import words
from chassis.words import Words
from contract.booking import Language
from services.notifier.message import Message


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of every language, and where this installation is."""

    words: Mapping[Language, Words]
    origin: str

    def say(self, key: str, language: Language, message: Message) -> str:
        """A sentence with what the message's codes fill in."""
        said = self.words[language]
        values = {name: str(value) for name, value in message.codes.items()}
        if "until" in values:
            until = datetime.fromisoformat(values["until"])
            values["until"] = said.time(until, "clock")
        return said(key, **{"minutes": "0", **values}, staff=f"{self.origin}/staff")


def load(origin: str) -> Wording:
    return Wording(words.load("services.notifier"), origin)
