"""Patients and guardians: Suomi.fi by SAML 2.0.

Attributes as in Suomi.fi's data set *suppea* (limited), which is all we need.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import SecretStr

from chassis.clock import Clock
from services.identity.domain import (
    UNKNOWN_NAME,
    IdentificationFailed,
    Person,
    Question,
    Why,
)
from services.identity.saml.book import Book
from services.identity.saml.keys import OwnKeys
from services.identity.saml.messages import (
    Envelope,
    Heard,
    address,
    authn_request,
    heard,
    logout_request,
    logout_response,
)
from services.identity.saml.response import Assertion, Judge, Rules, check_logout
from services.identity.saml.xml import Element
from services.identity.session import Upstream
from services.identity.upstream import Leaving, Returned, text

ACS = "/identity/saml/acs"
SLO = "/identity/saml/logout"
LONGEST = 200  # a name, as the contract has it
METHOD_LONGEST = 64
NATURAL_PERSON = "http://eidas.europa.eu/attributes/naturalperson"
NATIONAL_ID = "urn:oid:1.2.246.21"
SURNAME = "urn:oid:2.5.4.4"
GIVEN_NAME = "urn:oid:2.5.4.42"
DISPLAY_NAME = "urn:oid:2.16.840.1.113730.3.1.241"
FIRST_NAMES = f"{NATURAL_PERSON}/CurrentGivenName"
FAMILY_NAME = f"{NATURAL_PERSON}/CurrentFamilyName"
BIRTH_DATE = f"{NATURAL_PERSON}/DateOfBirth"
ASKED: Mapping[str, str] = {
    NATIONAL_ID: "nationalIdentificationNumber",
    DISPLAY_NAME: "displayName",
    GIVEN_NAME: "givenName",
    SURNAME: "sn",
    FIRST_NAMES: "FirstName",
    FAMILY_NAME: "FamilyName",
    BIRTH_DATE: "DateOfBirth",
}
NAMES = (
    (FIRST_NAMES, SURNAME),
    (FIRST_NAMES, FAMILY_NAME),
    (DISPLAY_NAME,),
    (GIVEN_NAME, SURNAME),
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where browsers are sent at the provider."""

    sso: str
    slo: str | None


@dataclass(frozen=True, slots=True)
class SuomiFi:
    """Behind the ports `Upstream[Person]` and `Farewell`."""

    rules: Rules
    places: Places
    own: OwnKeys
    slo: str  # our own address for logouts
    book: Book
    clock: Clock
    chance: Callable[[], str]

    async def location(self, question: Question, language: str) -> str:
        request = authn_request(
            self._envelope(_request_id(question), self.places.sso), self.rules.acs
        )
        return self._address("SAMLRequest", request, question.state, language)

    async def identified(self, _: Returned, question: Question) -> Person:
        """The browser brought a handle only; the answer has waited in the book."""
        judge = Judge(self.rules, _request_id(question), self.clock())
        said = judge.assertion(await self.book.take(question.state) or "")
        login = Upstream(self.rules.issuer, said.name_id, said.index)
        if not await self.book.first_sight(said.assertion_id, said.good_until):
            raise IdentificationFailed(Why.SEEN_BEFORE)
        await self.book.came_in(question.state, login)
        return person(said, self.rules.levels, login)

    @property
    def leads_out(self) -> bool:
        return self.places.slo is not None

    async def farewell(self, leaving: Leaving) -> str | None:
        """What our own session came from is ended, or else this browser's newest."""
        newest = await self.book.goes_out(leaving.browser)
        login = leaving.left or newest
        if login is None or login.subject is None or self.places.slo is None:
            return None
        request = logout_request(
            self._envelope(f"_{self.chance()}", self.places.slo),
            login.subject,
            login.index,
        )
        return self._address("SAMLRequest", request, leaving.then, leaving.language)

    def heard(self, query: str) -> Heard:
        """What the provider says about a logout. Raises `IdentificationFailed`."""
        return heard(query, self.rules.certificates)

    def ended(self, said: Heard) -> list[Upstream]:
        """Which sessions the provider asks us to end. Raises `IdentificationFailed`."""
        subject, indexes = check_logout(
            said.message, self.rules, self.slo, self.clock()
        )
        return [Upstream(self.rules.issuer, subject, each) for each in indexes]

    def done(self, said: Heard) -> str | None:
        """Where to tell the provider that they have been ended."""
        if self.places.slo is None:
            return None
        answer = logout_response(
            self._envelope(f"_{self.chance()}", self.places.slo),
            said.message.get("ID", ""),
        )
        return self._address("SAMLResponse", answer, said.relay, "fi")

    def _envelope(self, message_id: str, destination: str) -> Envelope:
        return Envelope(message_id, self.rules.audience, destination, self.clock())

    def _address(
        self, kind: str, message: Element, relay: str | None, language: str
    ) -> str:
        return address(kind, message, relay, self.own.signing, language)


def _request_id(question: Question) -> str:
    """An id may not begin with a digit."""
    return f"_{question.nonce}"


def person(said: Assertion, levels: tuple[str, ...], login: Upstream) -> Person:
    """Foreign credentials and the Finnish Authenticator bring no personal identity code.

    Nobody comes in without one, so who has none is told that, and not of levels.
    """
    national_id = said.attributes.get(NATIONAL_ID)
    if national_id and said.level not in levels:
        raise IdentificationFailed(Why.WRONG_CLAIM, "AuthnContextClassRef")
    return Person(
        national_id=SecretStr(national_id) if national_id else None,
        name=SecretStr(_name(said.attributes)[:LONGEST] or UNKNOWN_NAME),
        birth_date=_date(said.attributes.get(BIRTH_DATE)),
        method=text(said.level)[:METHOD_LONGEST] or "saml",
        upstream=login,
    )


def _name(attributes: Mapping[str, str]) -> str:
    """The register may not answer while the bank does: then names are missing."""
    for names in NAMES:
        parts = [text(attributes.get(each)) for each in names]
        if all(parts):
            return " ".join(parts)
    return ""


def _date(said: str | None) -> date | None:
    if said is None:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise IdentificationFailed(Why.WRONG_BIRTH_DATE) from None
