"""Patients and guardians: Suomi.fi, or a broker of the Finnish Trust Network, by OIDC.

The claims' names differ from broker to broker, so they are settings; the defaults are
Telia's. Suomi.fi's own OIDC interface is announced and not yet published.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pydantic import SecretStr

from services.identity.domain import (
    UNKNOWN_NAME,
    IdentificationFailed,
    LoggedOut,
    Person,
    Question,
    Why,
)
from services.identity.oidc.client import Client, session_of
from services.identity.oidc.tokens import Claims
from services.identity.upstream import Leaving, Returned, text

LONGEST = 200  # a name, as the contract has it
METHOD_LONGEST = 64


@dataclass(frozen=True, slots=True)
class ClaimMap:
    """Under which names the claims come."""

    national_id: str
    names: tuple[str, ...]
    birth_date: str


@dataclass(frozen=True, slots=True)
class SuomiFi:
    """Behind the ports `Upstream[Person]`, `Logouts` and `Farewell`."""

    client: Client
    claim_map: ClaimMap

    async def location(self, question: Question, language: str) -> str:
        return await self.client.location(question, language)

    async def identified(self, returned: Returned, question: Question) -> Person:
        claims = await self.client.claims(returned, question)
        who = person(claims, self.claim_map)
        return replace(who, upstream=session_of(claims))

    async def logged_out(self, token: str) -> LoggedOut:
        return await self.client.logged_out(token)

    @property
    def leads_out(self) -> bool:
        return self.client.leads_out

    async def farewell(self, leaving: Leaving) -> str | None:
        return self.client.farewell(leaving.language, leaving.then)


def person(claims: Claims, claim_map: ClaimMap) -> Person:
    """Foreign credentials bring no personal identity code; the register, not every name."""
    national_id = claims.get(claim_map.national_id)
    names = (text(claims.get(each)) for each in claim_map.names)
    return Person(
        national_id=SecretStr(national_id) if isinstance(national_id, str) else None,
        name=SecretStr(" ".join(filter(None, names))[:LONGEST] or UNKNOWN_NAME),
        birth_date=_date(claims.get(claim_map.birth_date)),
        method=text(claims.get("acr"))[:METHOD_LONGEST] or "oidc",
    )


def _date(claim: Any) -> date | None:
    if claim is None:
        return None
    try:
        return date.fromisoformat(claim)
    except (ValueError, TypeError):
        raise IdentificationFailed(Why.WRONG_BIRTH_DATE) from None
