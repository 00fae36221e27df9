"""A SAML provider that says whatever a test gives it to say, well signed and sealed."""

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from services.identity.domain import Question
from services.identity.saml.messages import TRANSIENT, instant
from services.identity.saml.response import Judge, Rules
from services.identity.saml.xml import DS, SAML, SAMLP, XENC, XENC11
from tests.identity.people import TEN, rsa_pem

ISSUER = "https://idp.example/idp1"
US = "https://video.example/saml"
SSO_THERE, SLO_THERE = f"{ISSUER}/sso", f"{ISSUER}/slo"
ACS = "https://video.example/identity/saml/acs"
LEVEL = "http://ftn.ficora.fi/2017/loa2"
QUESTION = Question("the-state", "the-nonce", "the-verifier")
REQUEST_ID = "_the-nonce"
NS = {"saml": SAML, "samlp": SAMLP, "ds": DS, "xenc": XENC}
Element = Any
Bend = Callable[[Element], object]


@cache
def key(name: str) -> RSAPrivateKey:
    made = load_pem_private_key(rsa_pem(name).get_secret_value().encode(), None)
    assert isinstance(made, RSAPrivateKey)
    return made


@cache
def certificate(
    name: str, until: datetime = TEN + timedelta(days=365)
) -> x509.Certificate:
    """Signed by itself."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject, subject)
        .public_key(key(name).public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(until)
        .sign(key(name), SHA256())
    )


def pem(*names: str) -> str:
    return "".join(
        certificate(each).public_bytes(Encoding.PEM).decode() for each in names
    )


def rules(**changes: Any) -> Rules:
    told = Rules(
        issuer=ISSUER,
        certificates=[certificate("provider")],
        audience=US,
        acs=ACS,
        keys=[key("ours")],
        levels=(LEVEL, "http://ftn.ficora.fi/2017/loa3"),
        skew=timedelta(seconds=1),
        max_age=timedelta(minutes=32),
    )
    return replace(told, **changes)


def judge(at: datetime = TEN, **changes: Any) -> Judge:
    return Judge(rules(**changes), REQUEST_ID, at)


def nothing(_: Element) -> None:
    """As it should be."""


@dataclass(frozen=True)
class Saying:
    """How one answer is made; each step may be bent.

    `assertion` bends before the assertion is signed, `response` before the response is,
    and `late` when nothing is signed any more.
    """

    attributes: Mapping[str, str] = field(
        default_factory=lambda: {"urn:oid:1.2.246.21": "010170-999R"}
    )
    at: datetime = TEN
    issuer: str = ISSUER
    audience: str = US
    acs: str = ACS
    request_id: str = REQUEST_ID
    assertion_id: str = "_assertion"
    level: str = LEVEL
    signing: str | None = "provider"  # name of the key; None signs nothing
    assertion_signing: str | None = "provider"
    sealing: str | None = "ours"
    cipher: str = "aes128-gcm"
    assertion: Bend = nothing
    signed_assertion: Bend = nothing
    response: Bend = nothing
    late: Bend = nothing

    def posted(self) -> str:
        return b64encode(etree.tostring(self.made())).decode()

    def made(self) -> Element:
        response = self.unsigned()
        self.response(response)
        response = signed(response, self.signing)
        self.late(response)
        return response

    def unsigned(self) -> Element:
        assertion = self._assertion()
        self.assertion(assertion)
        assertion = signed(assertion, self.assertion_signing)
        self.signed_assertion(assertion)
        held = (
            etree.tostring(assertion).decode()
            if self.sealing is None
            else sealed(etree.tostring(assertion), self.sealing, self.cipher)
        )
        return etree.fromstring(
            f"""<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_response"
              Version="2.0" IssueInstant="{instant(self.at)}" Destination="{self.acs}"
              InResponseTo="{self.request_id}"><saml:Issuer>{self.issuer}</saml:Issuer>
              <samlp:Status><samlp:StatusCode
              Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
              {held}</samlp:Response>"""
        )

    def _assertion(self) -> Element:
        at, until = instant(self.at), instant(self.at + timedelta(minutes=5))
        attributes = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}'
            "</saml:AttributeValue></saml:Attribute>"
            for name, value in self.attributes.items()
        )
        return etree.fromstring(
            f"""<saml:Assertion xmlns:saml="{SAML}" ID="{self.assertion_id}" Version="2.0"
              IssueInstant="{at}"><saml:Issuer>{self.issuer}</saml:Issuer><saml:Subject>
              <saml:NameID Format="{TRANSIENT}">_somebody</saml:NameID>
              <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
              <saml:SubjectConfirmationData InResponseTo="{self.request_id}"
              NotOnOrAfter="{until}" Recipient="{self.acs}"/></saml:SubjectConfirmation>
              </saml:Subject><saml:Conditions NotBefore="{at}" NotOnOrAfter="{until}">
              <saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience>
              </saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement
              AuthnInstant="{at}" SessionIndex="_index"><saml:AuthnContext>
              <saml:AuthnContextClassRef>{self.level}</saml:AuthnContextClassRef>
              </saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>
              {attributes}</saml:AttributeStatement></saml:Assertion>"""
        )


def signed(
    root: Element, by: str | None, method: Any = SignatureMethod.RSA_SHA256
) -> Element:
    """With the signature where the schema wants it: after the issuer."""
    if by is None:
        return root
    place = etree.SubElement(root, f"{{{DS}}}Signature", Id="placeholder")
    root.insert(1, place)
    signer = XMLSigner(
        signature_algorithm=method,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return signer.sign(
        root,
        key=key(by),
        cert=[certificate(by)],
        reference_uri=root.get("ID"),
        id_attribute="ID",
    )


def sealed(text: bytes, by: str, cipher: str = "aes128-gcm") -> str:
    """An `EncryptedAssertion` for the holder of this key."""
    secret, nonce = os.urandom(32 if "256" in cipher else 16), os.urandom(12)
    data = nonce + AESGCM(secret).encrypt(nonce, text, None)
    usual = SHA1()  # noqa: S303 - as providers have it, within OAEP
    held = key(by).public_key().encrypt(secret, OAEP(MGF1(usual), usual, None))
    return f"""<saml:EncryptedAssertion xmlns:saml="{SAML}"><xenc:EncryptedData
      xmlns:xenc="{XENC}" Type="{XENC}Element"><xenc:EncryptionMethod
      Algorithm="{XENC11}{cipher}"/><ds:KeyInfo xmlns:ds="{DS}"><xenc:EncryptedKey>
      <xenc:EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"><ds:DigestMethod
      Algorithm="{DS}sha1"/></xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{
        b64encode(held).decode()
    }</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData>
      <xenc:CipherValue>{b64encode(data).decode()}</xenc:CipherValue></xenc:CipherData>
      </xenc:EncryptedData></saml:EncryptedAssertion>"""


def find(root: Element, path: str) -> Element:
    found = root.find(path, NS)
    assert found is not None, path
    return found


def copy(element: Element) -> Element:
    return deepcopy(element)


SETTINGS = {
    "UPSTREAM": "saml",
    "SAML_ENTITY_ID": US,
    "SAML_PROVIDER_ENTITY_ID": ISSUER,
    "SAML_PROVIDER_SSO_URL": SSO_THERE,
    "SAML_PROVIDER_SLO_URL": SLO_THERE,
    "SAML_PROVIDER_CERTIFICATES": pem("provider"),
    "SAML_SIGNING_KEY": rsa_pem("signing").get_secret_value(),
    "SAML_SIGNING_CERTIFICATES": pem("signing", "signing-next"),
    "SAML_ENCRYPTION_KEYS": rsa_pem("ours").get_secret_value()
    + rsa_pem("ours-next").get_secret_value(),
    "SAML_ENCRYPTION_CERTIFICATES": pem("ours", "ours-next"),
    "SAML_ORGANISATION": "Testvälfärdsområdet",
    "SAML_CONTACT_NAME": "Testi-Tekniikka",
    "SAML_CONTACT_EMAIL": "tekniikka@example.com",
}
