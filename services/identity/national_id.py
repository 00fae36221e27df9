"""The Finnish personal identity code: read it, and know when its owner was born.

Pure. Errors quote nothing. `python-stdnum` knows the format; the rest is closed here: it
lets births in the future pass, and digits of other scripts.
Source: the Digital and Population Data Services Agency on the reform of 2023.
"""

from dataclasses import dataclass, field
from datetime import date

from pydantic import SecretStr
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu

CENTURIES = {
    "+": 1800,
    **dict.fromkeys("-YXWVU", 1900),
    **dict.fromkeys("ABCDEF", 2000),
}


class NotAPersonalCode(Exception):
    """The text is not the code of anybody."""


@dataclass(frozen=True, slots=True)
class NationalId:
    """A code in its one canonical form. Two people may differ in the sign alone."""

    text: str = field(repr=False)

    @property
    def birth_date(self) -> date:
        day, month, year = (int(self.text[at : at + 2]) for at in (0, 2, 4))
        return date(CENTURIES[self.text[6]] + year, month, day)


def read(text: SecretStr, today: date, *, test_persons: bool) -> NationalId:
    """The code in the text; `today` in Finland. Raises `NotAPersonalCode`.

    The numbers 900 to 999 belong to nobody: they are for tests, if tests are allowed.
    """
    try:
        code = NationalId(hetu.validate(text.get_secret_value(), test_persons))
    except ValidationError:
        raise NotAPersonalCode("The personal identity code does not check.") from None
    if not code.text.isascii():
        raise NotAPersonalCode("The personal identity code has odd digits.")
    if code.birth_date > today:
        raise NotAPersonalCode("The personal identity code is from the future.")
    return code
