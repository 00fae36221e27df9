"""A SAML response: who came back, believed only when all of it holds.

The order is the point. The response is verified, then its one assertion is opened and
verified by itself, and from there on only what was signed is looked at.
Sources: SAML 2.0 core 2 and 3, profiles 4.1.4; Suomi.fi's technical interface description.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import Certificate

from services.identity.domain import (
    IdentificationCancelled,
    IdentificationFailed,
    NotOpened,
    Why,
)
from services.identity.saml.messages import SUCCESS, TRANSIENT, posted
from services.identity.saml.xml import SAML, SAMLP, Element, opened, read, signed

STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
# Cancel comes as one of these; no document of Suomi.fi's says as which.
CANCELLED = frozenset({f"{STATUS}AuthnFailed", f"{STATUS}RequestDenied"})
FRESH = timedelta(minutes=10)  # a message may be so old when it reaches us
CONDITIONS = frozenset(
    f"{{{SAML}}}{name}"
    for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What was agreed with one provider by exchanging metadata."""

    issuer: str
    certificates: Sequence[Certificate]
    audience: str
    acs: str
    keys: Sequence[RSAPrivateKey] = field(repr=False)
    levels: tuple[str, ...]
    skew: timedelta
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the provider says of someone, once."""

    assertion_id: str
    good_until: datetime
    name_id: str = field(repr=False)
    index: str | None = field(repr=False)
    level: str
    attributes: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Judge:
    """One response to one request of ours, at one time."""

    rules: Rules
    request_id: str
    at: datetime

    def assertion(self, text: str) -> Assertion:
        """Raises `IdentificationCancelled` or `IdentificationFailed`."""
        root = posted(text)
        _expect(root.tag == f"{{{SAMLP}}}Response", "Response")
        # A refusal needs no proof: at worst, somebody is asked to try again.
        _check_status(root)
        response = signed(root, self.rules.certificates, self.at)
        _check_status(response)
        self._check_response(response)
        return self._believed(self._opened(response))

    def _check_response(self, response: Element) -> None:
        check_issued(response, self.rules, self.at)
        _expect(response.get("Destination") == self.rules.acs, "Destination")
        _expect(response.get("InResponseTo") == self.request_id, "InResponseTo")

    def _opened(self, response: Element) -> Element:
        """The one assertion; none may come unencrypted beside it."""
        sealed = response.findall(f"{{{SAML}}}EncryptedAssertion")
        if len(sealed) != 1 or response.find(f".//{{{SAML}}}Assertion") is not None:
            raise IdentificationFailed(Why.NOT_ENCRYPTED)
        try:
            assertion = read(opened(sealed[0], self.rules.keys))
        except NotOpened:
            raise IdentificationFailed(Why.NOT_OPENED) from None
        _expect(assertion.tag == f"{{{SAML}}}Assertion", "Assertion")
        return signed(assertion, self.rules.certificates, self.at)

    def _believed(self, assertion: Element) -> Assertion:
        check_issued(assertion, self.rules, self.at)
        self._check_conditions(_one(assertion, "Conditions"))
        subject = _one(assertion, "Subject")
        name_id = _one(subject, "NameID")
        _expect(name_id.get("Format") == TRANSIENT, "NameID")
        until = max(self._confirmed(subject), default=None)
        if until is None:
            raise IdentificationFailed(Why.WRONG_CLAIM, "SubjectConfirmation")
        statement = _one(assertion, "AuthnStatement")
        return Assertion(
            assertion_id=assertion.get("ID", ""),
            good_until=until + self.rules.skew,
            name_id=_text(name_id),
            index=statement.get("SessionIndex"),
            level=self._level(statement),
            attributes=_attributes(assertion),
        )

    def _check_conditions(self, conditions: Element) -> None:
        self._check_time(conditions)
        _expect(all(each.tag in CONDITIONS for each in conditions), "Conditions")
        restrictions = conditions.findall(f"{{{SAML}}}AudienceRestriction")
        _expect(bool(restrictions), "Audience")
        for each in restrictions:
            audiences = map(_text, each.findall(f"{{{SAML}}}Audience"))
            _expect(self.rules.audience in audiences, "Audience")

    def _confirmed(self, subject: Element) -> Iterator[datetime]:
        """Until when each confirmation holds that is for us and for this request."""
        for each in subject.findall(f"{{{SAML}}}SubjectConfirmation"):
            said = each.find(f"{{{SAML}}}SubjectConfirmationData")
            if said is None or each.get("Method") != BEARER:
                continue
            until = _time(said, "NotOnOrAfter")
            sound = (
                said.get("Recipient") == self.rules.acs
                and said.get("InResponseTo") == self.request_id
                and "NotBefore" not in said.attrib  # profiles 4.1.4.2
                and self.at < until + self.rules.skew
            )
            if sound:
                yield until

    def _level(self, statement: Element) -> str:
        """How the person was identified, and that it was not long ago."""
        age = self.at - _time(statement, "AuthnInstant")
        fresh = -self.rules.skew <= age <= self.rules.max_age + self.rules.skew
        _expect(fresh, "AuthnInstant")
        if "SessionNotOnOrAfter" in statement.attrib:
            ends = _time(statement, "SessionNotOnOrAfter") + self.rules.skew
            _expect(self.at < ends, "SessionNotOnOrAfter")
        return _text_of(_one(statement, "AuthnContext"), "AuthnContextClassRef")

    def _check_time(self, conditions: Element) -> None:
        until = _time(conditions, "NotOnOrAfter") + self.rules.skew
        _expect(self.at < until, "NotOnOrAfter")
        if "NotBefore" in conditions.attrib:
            since = _time(conditions, "NotBefore") - self.rules.skew
            _expect(since <= self.at, "NotBefore")


def check_logout(
    message: Element, rules: Rules, slo: str, at: datetime
) -> tuple[str, Sequence[str | None]]:
    """The name and the indexes of the sessions that the provider asks us to end."""
    _expect(message.tag == f"{{{SAMLP}}}LogoutRequest", "LogoutRequest")
    check_issued(message, rules, at)
    _expect(message.get("Destination") == slo, "Destination")
    if "NotOnOrAfter" in message.attrib:
        _expect(at < _time(message, "NotOnOrAfter") + rules.skew, "NotOnOrAfter")
    indexes = [_text(each) for each in message.findall(f"{{{SAMLP}}}SessionIndex")]
    return _text_of(message, "NameID"), indexes or [None]


def check_issued(message: Element, rules: Rules, at: datetime) -> None:
    """By whom and when; the same for a response, an assertion and a logout."""
    _expect(message.get("Version") == "2.0", "Version")
    _expect(_text_of(message, "Issuer") == rules.issuer, "Issuer")
    age = at - _time(message, "IssueInstant")
    _expect(-rules.skew <= age <= FRESH + rules.skew, "IssueInstant")


def _check_status(response: Element) -> None:
    codes = [
        each.get("Value", "")
        for each in response.iterfind(f"{{{SAMLP}}}Status//{{{SAMLP}}}StatusCode")
    ]
    if codes[:1] == [SUCCESS]:
        return
    if CANCELLED.intersection(codes):
        raise IdentificationCancelled("The identification was cancelled.")
    raise IdentificationFailed(Why.PROVIDER_SAID_NO)


def _attributes(assertion: Element) -> Mapping[str, str]:
    """By name. One that comes twice has no meaning that two readers agree on."""
    found: dict[str, str] = {}
    for each in assertion.iterfind(f"{{{SAML}}}AttributeStatement/{{{SAML}}}Attribute"):
        name = each.get("Name", "")
        values = each.findall(f"{{{SAML}}}AttributeValue")
        _expect(name not in found and len(values) <= 1, "Attribute")
        if values:
            found[name] = _text(values[0])
    return found


def _one(parent: Element, name: str) -> Element:
    found = parent.findall(f"{{{SAML}}}{name}")
    _expect(len(found) == 1, name)
    return found[0]


def _text_of(parent: Element, name: str) -> str:
    return _text(_one(parent, name))


def _text(element: Element) -> str:
    """All of it: an element inside would cut the text short for a careless reader."""
    _expect(len(element) == 0, "text")
    return (element.text or "").strip()


def _time(element: Element, name: str) -> datetime:
    try:
        said = datetime.fromisoformat(element.get(name, ""))
    except ValueError:
        raise IdentificationFailed(Why.WRONG_CLAIM, name) from None
    return said if said.tzinfo else said.replace(tzinfo=UTC)  # core 1.3.3: always UTC


def _expect(holds: bool, about: str) -> None:
    if not holds:
        raise IdentificationFailed(Why.WRONG_CLAIM, about)
