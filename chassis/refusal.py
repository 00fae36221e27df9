"""Saying no on purpose."""

from collections.abc import Mapping
from typing import ClassVar


class Refusal(Exception):
    """A request we understood and decline.

    The code is for programs and never changes; the text is for people and may.
    `more` goes into the answer beside the code and holds nothing personal.
    """

    code: ClassVar[str]

    def __init__(self, text: str, **more: object) -> None:
        super().__init__(text)
        self.more: Mapping[str, object] = more


class Unavailable(Exception):
    """Something we lean on does not answer. Nothing was done; trying again is right."""


class Contended(Unavailable):
    """It met another at the same time and was undone: trying again at once is right."""
