"""Professionals: the county's own identity provider, by OIDC."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.identity.domain import (
    UNKNOWN_NAME,
    IdentificationFailed,
    LoggedOut,
    Professional,
    Question,
    Why,
)
from services.identity.oidc.client import Client, session_of
from services.identity.oidc.tokens import Claims
from services.identity.upstream import Leaving, Returned, text

ID_LONGEST = 64  # as the contract has it
NAME_LONGEST = 200
UNITS_MOST = 50


@dataclass(frozen=True, slots=True)
class StaffClaims:
    """Under which names the claims come, and what their values mean here.

    Where `units` is empty, the provider says our own ids. Where `roles_claim` is None,
    everyone with a unit is a professional.
    """

    name: str
    units_claim: str
    units: Mapping[str, str]
    roles_claim: str | None
    roles: frozenset[str]

    def units_of(self, claims: Claims) -> tuple[str, ...]:
        """The units that this account works for; none when its role is another."""
        if self.roles_claim is not None:
            roles = _texts(_found(claims, self.roles_claim))
            if not self.roles.intersection(roles):
                return ()
        said = _texts(_found(claims, self.units_claim))
        known = (self.units.get(each) for each in said) if self.units else said
        return tuple(dict.fromkeys(filter(None, known)))[:UNITS_MOST]


@dataclass(frozen=True, slots=True)
class StaffProvider:
    """Behind the ports `Upstream[Professional]`, `Logouts` and `Farewell`."""

    client: Client
    claims: StaffClaims

    async def location(self, question: Question, language: str) -> str:
        return await self.client.location(question, language)

    async def identified(self, returned: Returned, question: Question) -> Professional:
        claims = await self.client.claims(returned, question)
        return Professional(
            professional_id=_id(claims),
            name=text(claims.get(self.claims.name))[:NAME_LONGEST] or UNKNOWN_NAME,
            units=self.claims.units_of(claims),
            level=text(claims.get("acr")) or None,
            upstream=session_of(claims),
        )

    async def logged_out(self, token: str) -> LoggedOut:
        return await self.client.logged_out(token)

    @property
    def leads_out(self) -> bool:
        return self.client.leads_out

    async def farewell(self, leaving: Leaving) -> str | None:
        return self.client.farewell(leaving.language)


def _id(claims: Claims) -> str:
    """Two people must not become one, so an id that is too long is not cut."""
    subject = claims["sub"]
    if len(subject) > ID_LONGEST or text(subject) != subject:
        raise IdentificationFailed(Why.WRONG_CLAIM, "sub")
    return str(subject)


def _found(claims: Claims, name: str) -> Any:
    """A claim by its name, or by a path of names, as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for each in name.split("."):
        found = found.get(each) if isinstance(found, Mapping) else None
    return found


def _texts(claim: Any) -> tuple[str, ...]:
    """Providers send a single value as a text of its own."""
    each_one = [claim] if isinstance(claim, str) else claim
    if not isinstance(each_one, list):
        return ()
    return tuple(each for each in each_one if isinstance(each, str) and each)
