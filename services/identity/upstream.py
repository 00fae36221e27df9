"""The port to whoever knows who people are. OIDC stands behind it; SAML can beside it."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from services.identity import session
from services.identity.domain import LoggedOut, Question

Someone_co = TypeVar("Someone_co", covariant=True)

Returned = Mapping[str, str]
"""What the browser brought back: the fields of a query or of a form."""


class Upstream(Protocol[Someone_co]):
    """An identity provider, with everything about its protocol behind it."""

    async def location(self, question: Question, language: str) -> str:
        """Where to send the browser. Raises `IdentificationFailed`."""

    async def identified(self, returned: Returned, question: Question) -> Someone_co:
        """Who came back. Raises `IdentificationCancelled` or `IdentificationFailed`."""


class Logouts(Protocol):
    """What an identity provider says, server to server, of sessions that ended."""

    async def logged_out(self, token: str) -> LoggedOut:
        """Raises `LogoutNotTaken`."""


class Farewell(Protocol):
    """The way out at an identity provider too."""

    async def farewell(
        self, left: session.Upstream | None, language: str
    ) -> str | None:
        """Where to send the browser, after our own session has ended; None: nowhere.

        `left` is what the provider calls the session, where that is known.
        """
