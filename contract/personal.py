"""What belongs to a person and may travel, but must not print.

`repr`, `str` and validation errors show asterisks; only JSON for the wire has the value.
"""

from typing import Annotated

from pydantic import Field, PlainSerializer, SecretStr


def _reveal(value: SecretStr) -> str:
    return value.get_secret_value()


Personal = Annotated[
    SecretStr,
    Field(min_length=1, max_length=4096),
    PlainSerializer(_reveal, return_type=str, when_used="json"),
]
