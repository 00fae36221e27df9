"""Professionals: the county's own identity provider, by OIDC."""

from dataclasses import dataclass
from typing import Any

from services.identity.domain import (
    UNKNOWN_NAME,
    IdentificationFailed,
    Professional,
    Question,
    Why,
)
from services.identity.oidc.client import Client, text
from services.identity.oidc.tokens import Claims
from services.identity.upstream import Returned

ID_LONGEST = 64  # as the contract has it
NAME_LONGEST = 200
UNITS_MOST = 50


@dataclass(frozen=True, slots=True)
class StaffProvider:
    """Behind the port `Upstream[Professional]`."""

    client: Client
    name_claim: str
    units_claim: str

    async def location(self, question: Question, language: str) -> str:
        return await self.client.location(question, language)

    async def identified(self, returned: Returned, question: Question) -> Professional:
        claims = await self.client.claims(returned, question)
        return Professional(
            professional_id=_id(claims),
            name=text(claims.get(self.name_claim))[:NAME_LONGEST] or UNKNOWN_NAME,
            units=_units(claims.get(self.units_claim)),
        )


def _id(claims: Claims) -> str:
    """Two people must not become one, so an id that is too long is not cut."""
    subject = claims["sub"]
    if len(subject) > ID_LONGEST or text(subject) != subject:
        raise IdentificationFailed(Why.WRONG_CLAIM, "sub")
    return str(subject)


def _units(claim: Any) -> tuple[str, ...]:
    """Providers send a single unit as a text of its own."""
    each_one = [claim] if isinstance(claim, str) else claim
    if not isinstance(each_one, list):
        return ()
    return tuple(each for each in each_one if isinstance(each, str) and each)[
        :UNITS_MOST
    ]
