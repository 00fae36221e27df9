"""The port to whoever knows who people are: by OIDC or by SAML, behind one shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

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


Then = Literal["again", "home"]
"""What someone wants to do when they have logged out: identify again, or nothing."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Someone has left here. `left` is what the provider calls their session, if known.

    Who was refused had no session here, and has one there: `browser` tells whose.
    """

    left: session.Upstream | None
    browser: bytes = field(repr=False)
    language: str
    then: Then


class Farewell(Protocol):
    """The way out at an identity provider too."""

    @property
    def leads_out(self) -> bool:
        """Whether there is such a way at all."""

    async def farewell(self, leaving: Leaving) -> str | None:
        """Where to send the browser, after our own session has ended; None: nowhere."""


def text(said: Any) -> str:
    """On one line, without what cannot be seen."""
    words = said.split() if isinstance(said, str) else ()
    return "".join(each for each in " ".join(words) if each.isprintable())
