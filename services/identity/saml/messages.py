"""What we say in SAML, and what is said to us in an address: requests and logouts.

Sources: SAML 2.0 core 3.2 to 3.7, bindings 3.4 (Redirect: deflated, signed as a query).
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote_plus, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import (
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)
from cryptography.x509 import Certificate
from lxml import etree
from lxml.builder import ElementMaker

from services.identity.domain import IdentificationFailed, Why
from services.identity.saml.xml import SAML, SAMLP, Element, read

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SIGNATURES: Mapping[str, HashAlgorithm] = {
    RSA_SHA256: SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": SHA512(),
}
LONGEST = 64 * 1024  # a message, inflated
protocol = ElementMaker(namespace=SAMLP, nsmap={"samlp": SAMLP, "saml": SAML})
assertion = ElementMaker(namespace=SAML, nsmap={"saml": SAML})


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom a message of ours is, to where, when, and under which id."""

    message_id: str
    issuer: str
    destination: str
    at: datetime


def authn_request(envelope: Envelope, acs: str) -> Element:
    asked = _message("AuthnRequest", envelope)
    asked.set("AssertionConsumerServiceURL", acs)
    asked.set("ProtocolBinding", POST)
    asked.append(protocol.NameIDPolicy(Format=TRANSIENT, AllowCreate="true"))
    return asked


def logout_request(envelope: Envelope, name_id: str, index: str | None) -> Element:
    """End the session that the provider knows by this name and index."""
    asked = _message("LogoutRequest", envelope)
    asked.append(assertion.NameID(name_id, Format=TRANSIENT))
    if index is not None:
        asked.append(protocol.SessionIndex(index))
    return asked


def logout_response(envelope: Envelope, in_response_to: str) -> Element:
    answer = _message("LogoutResponse", envelope)
    answer.set("InResponseTo", in_response_to)
    answer.append(protocol.Status(protocol.StatusCode(Value=SUCCESS)))
    return answer


def _message(name: str, envelope: Envelope) -> Element:
    return protocol(
        name,
        assertion.Issuer(envelope.issuer),
        ID=envelope.message_id,
        Version="2.0",
        IssueInstant=instant(envelope.at),
        Destination=envelope.destination,
    )


def instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def address(
    kind: str, message: Element, relay: str | None, key: RSAPrivateKey, language: str
) -> str:
    """Where to send the browser with this; `kind` is SAMLRequest or SAMLResponse.

    The language comes last and outside the signature, as Suomi.fi asks.
    """
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = raw.compress(etree.tostring(message)) + raw.flush()
    said = {kind: b64encode(deflated).decode()}
    if relay is not None:
        said["RelayState"] = relay
    query = urlencode({**said, "SigAlg": RSA_SHA256})
    signature = b64encode(key.sign(query.encode(), PKCS1v15(), SHA256())).decode()
    to = message.get("Destination", "")
    return f"{to}?{query}&{urlencode({'Signature': signature, 'locale': language})}"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came in an address, signed by whom we trust."""

    kind: str
    message: Element
    relay: str | None


def heard(query: str, certificates: Sequence[Certificate]) -> Heard:
    """The message in a query as it was sent, escapes and all: that is what was signed.

    Raises `IdentificationFailed`.
    """
    raw = _raw(query)
    kind = "SAMLRequest" if "SAMLRequest" in raw else "SAMLResponse"
    if not _is_signed(raw, kind, certificates):
        raise IdentificationFailed(Why.NOT_VERIFIED)
    relay = dict(parse_qsl(query)).get("RelayState")
    return Heard(kind, read(_inflated(unquote_plus(raw[kind]))), relay)


def _raw(query: str) -> Mapping[str, str]:
    pairs = [each.partition("=") for each in query.split("&")]
    raw = {name: value for name, _, value in pairs}
    one_message = ("SAMLRequest" in raw) != ("SAMLResponse" in raw)
    if len(raw) != len(pairs) or not one_message:
        raise IdentificationFailed(Why.NOT_UNDERSTOOD)
    return raw


def _is_signed(
    raw: Mapping[str, str], kind: str, certificates: Sequence[Certificate]
) -> bool:
    method = SIGNATURES.get(unquote_plus(raw.get("SigAlg", "")))
    if method is None:
        return False
    names = (kind, "RelayState", "SigAlg")
    said = "&".join(f"{each}={raw[each]}" for each in names if each in raw)
    signature = _decoded(unquote_plus(raw.get("Signature", "")))
    return any(_signed_by(each, signature, said, method) for each in certificates)


def _signed_by(
    certificate: Certificate, signature: bytes, said: str, method: HashAlgorithm
) -> bool:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, said.encode(), PKCS1v15(), method)
    except InvalidSignature:
        return False
    return True


def _inflated(text: str) -> bytes:
    inflating = zlib.decompressobj(-15)
    try:
        found = inflating.decompress(_decoded(text), LONGEST)
    except zlib.error:
        raise IdentificationFailed(Why.NOT_UNDERSTOOD) from None
    if not inflating.eof:
        raise IdentificationFailed(Why.NOT_UNDERSTOOD)
    return found


def _decoded(text: str) -> bytes:
    """Base64, perhaps in lines."""
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise IdentificationFailed(Why.NOT_UNDERSTOOD) from None


def posted(text: str) -> Element:
    """The message in a field of a form."""
    return read(_decoded(text))
