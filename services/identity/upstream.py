"""The port to whoever knows who people are. OIDC stands behind it; SAML can beside it."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from services.identity.domain import Question

Someone_co = TypeVar("Someone_co", covariant=True)

Returned = Mapping[str, str]
"""What the browser brought back: the fields of a query or of a form."""


class Upstream(Protocol[Someone_co]):
    """An identity provider, with everything about its protocol behind it."""

    async def location(self, question: Question, language: str) -> str:
        """Where to send the browser. Raises `IdentificationFailed`."""

    async def identified(self, returned: Returned, question: Question) -> Someone_co:
        """Who came back. Raises `IdentificationCancelled` or `IdentificationFailed`."""
