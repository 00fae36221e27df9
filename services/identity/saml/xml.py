"""XML as SAML needs it: read without surprises, verified, and opened.

`signxml` verifies signatures and `lxml` parses; this page narrows both to the one shape that
identity providers send. Of what was signed, only the verifier's own output is handed on.
Sources: XML Signature 1.1, XML Encryption 1.1, SAML 2.0 core 5.4 (one enveloped signature
over its own parent), and the literature on signature wrapping.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import (
    SHA1,
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)
from cryptography.x509 import Certificate
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from services.identity.domain import IdentificationFailed, NotOpened, Why

Element = etree._Element  # noqa: SLF001 - lxml has no public name for it

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
SIGNATURES = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
    }
)
DIGESTS = frozenset(
    {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
)
# GCM alone: what is encrypted with CBC can be changed on its way.
CIPHERS = {f"{XENC11}aes128-gcm": 16, f"{XENC11}aes256-gcm": 32}
KEY_TRANSPORTS = (f"{XENC}rsa-oaep-mgf1p", f"{XENC11}rsa-oaep")
OAEP_DEFAULT = SHA1()  # noqa: S303 - within OAEP, where SHA-1 is not broken
HASHES: Mapping[str | None, HashAlgorithm] = {
    None: OAEP_DEFAULT,
    f"{DS}sha1": OAEP_DEFAULT,
    f"{XENC}sha256": SHA256(),
    f"{XENC}sha512": SHA512(),
    f"{XENC11}mgf1sha1": OAEP_DEFAULT,
    f"{XENC11}mgf1sha256": SHA256(),
    f"{XENC11}mgf1sha384": SHA384(),
    f"{XENC11}mgf1sha512": SHA512(),
}
NONCE, TAG = 12, 16
RECIPIENTS = 4  # encrypted keys looked at
NAMES = ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id")
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, etree.LxmlError)


def read(text: bytes) -> Element:
    """The root of a document of elements and text only.

    A document type brings entities, and a comment splits a text in two: what one reader
    takes for a name, another takes for its beginning. Neither has a place in a message.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(text, parser)
    except (ValueError, etree.LxmlError):
        raise IdentificationFailed(Why.NOT_UNDERSTOOD) from None
    strange = root.getroottree().docinfo.doctype or any(
        not isinstance(each.tag, str) for each in root.getroottree().iter()
    )
    beside = root.getprevious() is not None or root.getnext() is not None
    if strange or beside:
        raise IdentificationFailed(Why.NOT_UNDERSTOOD)
    return root


def signed(root: Element, certificates: Sequence[Certificate], at: datetime) -> Element:
    """What was signed of this element, which is all of it but the signature.

    Raises `IdentificationFailed` unless it holds exactly one signature, directly, over
    itself, by one of these certificates.
    """
    _check_shape(root)
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=SIGNATURES,
        digest_algorithms=DIGESTS,
        verification_time=at,
    )
    for each in certificates:
        with suppress(SignXMLException, InvalidSignature, *NONSENSE):
            found = XMLVerifier().verify(
                root, x509_cert=each, id_attribute="ID", expect_config=config
            )
            if not isinstance(found, list):
                return _same(found.signed_xml, root)
    raise IdentificationFailed(Why.NOT_VERIFIED)


def _same(verified: Element | None, root: Element) -> Element:
    """What was verified must be what we asked about."""
    if verified is None or verified.get("ID") != root.get("ID"):
        raise IdentificationFailed(Why.NOT_VERIFIED)
    if verified.tag != root.tag:
        raise IdentificationFailed(Why.NOT_VERIFIED)
    return verified


def _check_shape(root: Element) -> None:
    """One signature over this very element, and no other element of its name."""
    name = root.get("ID")
    names = [each.get(kind) for each in root.iter() for kind in NAMES]
    known = [each for each in names if each is not None]
    signature = root.findall(f"{{{DS}}}Signature")
    if not signature:
        raise IdentificationFailed(Why.NOT_SIGNED)
    references = signature[0].findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
    sound = (
        name
        and len(known) == len(set(known))
        and len(signature) == 1
        and len(references) == 1
        and references[0].get("URI") == f"#{name}"
        and _transforms(signature[0]) == [EXCLUSIVE, ENVELOPED, EXCLUSIVE]
    )
    if not sound:
        raise IdentificationFailed(Why.NOT_VERIFIED)


def _transforms(signature: Element) -> list[str | None]:
    """How the signed text was made, first of the signature's own, then of the message."""
    found = signature.find(f"{{{DS}}}SignedInfo/{{{DS}}}CanonicalizationMethod")
    path = f"{{{DS}}}SignedInfo/{{{DS}}}Reference/{{{DS}}}Transforms/{{{DS}}}Transform"
    first = found.get("Algorithm") if found is not None else None
    return [first, *(each.get("Algorithm") for each in signature.findall(path))]


def opened(sealed: Element, keys: Sequence[RSAPrivateKey]) -> bytes:
    """What an `EncryptedAssertion` holds. Raises `NotOpened`."""
    try:
        (data,) = sealed.findall(f"{{{XENC}}}EncryptedData")
        cipher = _method(data)
        size = CIPHERS[cipher.get("Algorithm", "")]
        text = _value(data)
        for each in list(sealed.iter(f"{{{XENC}}}EncryptedKey"))[:RECIPIENTS]:
            for key in keys:
                with suppress(ValueError):
                    return _decrypted(_key(each, key, size), text)
    except (*NONSENSE, InvalidTag, UnsupportedAlgorithm):
        raise NotOpened from None
    raise NotOpened


def _decrypted(key: bytes, text: bytes) -> bytes:
    if len(text) < NONCE + TAG:
        raise InvalidTag
    return AESGCM(key).decrypt(text[:NONCE], text[NONCE:], None)


def _key(sealed: Element, key: RSAPrivateKey, size: int) -> bytes:
    """The key of the data. Raises `ValueError` when it is not for this key of ours."""
    method = _method(sealed)
    if method.get("Algorithm") not in KEY_TRANSPORTS:
        raise ValueError
    found = key.decrypt(
        _value(sealed),
        OAEP(
            mgf=MGF1(_hash(method, f"{{{XENC11}}}MGF")),
            algorithm=_hash(method, f"{{{DS}}}DigestMethod"),
            label=None,
        ),
    )
    if len(found) != size:
        raise ValueError
    return found


def _hash(method: Element, name: str) -> HashAlgorithm:
    named = method.find(name)
    return HASHES[None if named is None else named.get("Algorithm", "")]


def _method(encrypted: Element) -> Element:
    (method,) = encrypted.findall(f"{{{XENC}}}EncryptionMethod")
    return method


def _value(encrypted: Element) -> bytes:
    (value,) = encrypted.findall(f"{{{XENC}}}CipherData/{{{XENC}}}CipherValue")
    return b64decode(value.text or "")
