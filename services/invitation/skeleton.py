"""A text with gaps, made once, so that a letter costs no more than what is new in it.

`[[name]]` is a gap. From `[[?name]]` to `[[/name]]` all is left out when nothing stands
in that gap.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

MARK = re.compile(r"\[\[([?/]?)(\w+)\]\]")
Encode = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Gap:
    name: str
    encode: Encode


@dataclass(frozen=True, slots=True)
class Perhaps:
    name: str
    parts: tuple["Part", ...]


Part = str | Gap | Perhaps


@dataclass(frozen=True, slots=True)
class Skeleton:
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, text: str, fixed: Encode = str, gap: Encode = str) -> Self:
        """`fixed` encodes what stands there now, `gap` what will."""
        return cls(tuple(_parts(iter(MARK.split(text)), fixed, gap)))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.parts + other.parts)

    def filled(self, gaps: Mapping[str, str]) -> str:
        return "".join(_filled(self.parts, gaps))


def _parts(pieces: Iterator[str], fixed: Encode, gap: Encode) -> Iterator[Part]:
    """`pieces` are a text, then again and again a sign, a name and a text."""
    yield fixed(next(pieces))
    for sign in pieces:
        name = next(pieces)
        if sign == "/":
            return
        if sign:
            yield Perhaps(name, tuple(_parts(pieces, fixed, gap)))
        else:
            yield Gap(name, gap)
        yield fixed(next(pieces))


def _filled(parts: tuple[Part, ...], gaps: Mapping[str, str]) -> Iterator[str]:
    for each in parts:
        match each:
            case str():
                yield each
            case Gap(name, encode):
                yield encode(gaps[name])
            case Perhaps(name, inside):
                if gaps[name]:
                    yield from _filled(inside, gaps)
