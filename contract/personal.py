"""What belongs to a person and may travel, but must not print.

`repr`, `str` and validation errors show asterisks; only JSON for the wire has the value.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, SecretStr, WithJsonSchema

LONGEST = 4096
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"


def _reveal(value: SecretStr) -> str:
    return value.get_secret_value()


def _one_line(value: SecretStr) -> SecretStr:
    """A line break in a name or an address would end up in the head of an e-mail."""
    if not re.fullmatch(ONE_LINE, value.get_secret_value()):
        raise ValueError("must be one line of text")
    return value


PersonalText = Annotated[
    SecretStr,
    Field(min_length=1, max_length=LONGEST),
    PlainSerializer(_reveal, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST}),
]

Personal = Annotated[
    SecretStr,
    Field(min_length=1, max_length=LONGEST),
    AfterValidator(_one_line),
    PlainSerializer(_reveal, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": ONE_LINE}
    ),
]
