"""No, with a code of OAuth's."""

from typing import Any

Claims = dict[str, Any]


class Refused(Exception):
    """`code` is an error code of RFC 6749, RFC 9101 or OpenID Connect."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
