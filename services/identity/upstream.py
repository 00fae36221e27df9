"""The port to whoever knows who people are. OIDC stands behind it; SAML can beside it."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from services.identity.domain import Question

Someone = TypeVar("Someone", covariant=True)  # noqa: PLC0105 - the port's own word

Returned = Mapping[str, str]
"""What the browser brought back: the fields of a query or of a form."""


class Upstream(Protocol[Someone]):
    """An identity provider, with everything about its protocol behind it."""

    def location(self, question: Question, language: str) -> str:
        """Where to send the browser."""

    async def identified(self, returned: Returned, question: Question) -> Someone:
        """Who came back. Raises `IdentificationCancelled` or `IdentificationFailed`."""
