"""What the e-mails say, in each language."""

from collections.abc import Mapping

from chassis import words
from chassis.words import HELSINKI, LOCALES, Words
from contract.booking import Language

__all__ = ["HELSINKI", "LOCALES", "Words", "load"]


def load() -> Mapping[Language, Words]:
    return words.load("services.invitation")
