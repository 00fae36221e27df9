"""How long a text message is to a telephone network, which counts and bills its parts.

Source: 3GPP TS 23.038 (the alphabet), TS 23.040 (parts of a longer message).
"""

ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("^{}\\[~]|€\f")  # each takes two places
ONE, PART = 160, 153
ONE_UCS2, PART_UCS2 = 70, 67


def is_plain(text: str) -> bool:
    """Whether it is written in the alphabet that takes the least room."""
    return all(each in ALPHABET or each in EXTENSION for each in text)


def parts(text: str) -> int:
    """How many text messages it takes."""
    if is_plain(text):
        return _parts(len(text) + sum(each in EXTENSION for each in text), ONE, PART)
    return _parts(len(text.encode("utf-16-be")) // 2, ONE_UCS2, PART_UCS2)


def _parts(length: int, one: int, part: int) -> int:
    return 1 if length <= one else -(-length // part)
