"""Our SAML metadata, as Suomi.fi wants it: who we are, our keys, and what we ask for.

Sources: SAML 2.0 metadata, its UI and entity attribute extensions, and Suomi.fi's guide
*Creating metadata for the e-Service*.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from lxml import etree
from lxml.builder import ElementMaker

from services.identity.saml.messages import POST, REDIRECT, TRANSIENT
from services.identity.saml.xml import DS, SAML, SAMLP, XENC, XENC11, Element

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
UI = "urn:oasis:names:tc:SAML:metadata:ui"
ATTRIBUTES = "urn:oasis:names:tc:SAML:metadata:attribute"
BY_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = "http://www.w3.org/2001/XMLSchema"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
OF_SUOMIFI = "urn:oid:1.2.246.517.3003.111"

md = ElementMaker(namespace=MD, nsmap={"md": MD})
ui = ElementMaker(namespace=UI, nsmap={"mdui": UI})
attributes = ElementMaker(namespace=ATTRIBUTES, nsmap={"mdattr": ATTRIBUTES})
saml = ElementMaker(namespace=SAML, nsmap={"saml": SAML, "xs": XS, "xsi": XSI})
ds = ElementMaker(namespace=DS, nsmap={"ds": DS})


@dataclass(frozen=True, slots=True)
class Texts:
    """What people see of us at the provider, by language."""

    name: Mapping[str, str]
    description: Mapping[str, str]
    privacy: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contact:
    organisation: str
    url: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Entity:
    """We, as a provider is to have us on file; the first certificate is today's."""

    entity_id: str
    acs: str
    slo: str
    signing: Sequence[Certificate]
    encryption: Sequence[Certificate]
    levels: Sequence[str]
    foreign: bool
    asked: Mapping[str, str]  # attributes, from name to friendly name
    texts: Texts
    contact: Contact


def metadata(us: Entity) -> bytes:
    """The document that is sent to the provider."""
    root = md.EntityDescriptor(
        md.Extensions(attributes.EntityAttributes(*_entity_attributes(us))),
        _service(us),
        md.Organization(*_organisation(us)),
        *_contacts(us.contact),
        entityID=us.entity_id,
    )
    return etree.tostring(
        root, xml_declaration=True, encoding="UTF-8", pretty_print=True
    )


def _entity_attributes(us: Entity) -> Iterator[Element]:
    yield _attribute("FinnishAuthMethod", None, us.levels)
    for number, name, value in (
        (3, "VtjVerificationRequired", "true"),
        (4, "SkipEndpointValidationWhenSigned", "false"),
        (14, "EidasSupport", "full" if us.foreign else "none"),
        (26, "CipherName", "AES-GCM"),
    ):
        yield _attribute(f"{OF_SUOMIFI}.{number}", name, [value])


def _attribute(name: str, friendly: str | None, values: Sequence[str]) -> Element:
    made = saml.Attribute(Name=name, NameFormat=BY_URI)
    if friendly is not None:
        made.set("FriendlyName", friendly)
    for value in values:
        made.append(saml.AttributeValue(value, {f"{{{XSI}}}type": "xs:string"}))
    return made


def _service(us: Entity) -> Element:
    return md.SPSSODescriptor(
        md.Extensions(ui.UIInfo(*_shown(us.texts))),
        *(_key("signing", each) for each in us.signing),
        *(_key("encryption", each) for each in us.encryption),
        md.SingleLogoutService(Binding=REDIRECT, Location=us.slo),
        md.NameIDFormat(TRANSIENT),
        md.AssertionConsumerService(
            Binding=POST, Location=us.acs, index="0", isDefault="true"
        ),
        md.AttributeConsumingService(
            *_in(md.ServiceName, us.texts.name), *_asked(us.asked), index="0"
        ),
        AuthnRequestsSigned="true",
        WantAssertionsSigned="true",
        protocolSupportEnumeration=SAMLP,
    )


def _shown(texts: Texts) -> Iterator[Element]:
    yield from _in(ui.DisplayName, texts.name)
    yield from _in(ui.Description, texts.description)
    yield from _in(ui.PrivacyStatementURL, texts.privacy)


def _in(
    make: Callable[..., Element], by_language: Mapping[str, str]
) -> Iterator[Element]:
    for language, text in by_language.items():
        yield make(text, {LANG: language})


def _key(use: str, certificate: Certificate) -> Element:
    text = b64encode(certificate.public_bytes(Encoding.DER)).decode()
    held = ds.KeyInfo(ds.X509Data(ds.X509Certificate(text)))
    made = md.KeyDescriptor(held, use=use)
    if use == "encryption":
        for method in (
            f"{XENC11}aes256-gcm",
            f"{XENC11}aes128-gcm",
            f"{XENC}rsa-oaep-mgf1p",
        ):
            made.append(md.EncryptionMethod(Algorithm=method))
    return made


def _asked(names: Mapping[str, str]) -> Iterator[Element]:
    for name, friendly in names.items():
        yield md.RequestedAttribute(
            Name=name, FriendlyName=friendly, NameFormat=BY_URI, isRequired="false"
        )


def _organisation(us: Entity) -> Iterator[Element]:
    """Suomi.fi wants the name exactly as the Business Information System has it."""
    languages = tuple(us.texts.name)
    for kind, text in (
        ("OrganizationName", us.contact.organisation),
        ("OrganizationDisplayName", us.contact.organisation),
        ("OrganizationURL", us.contact.url),
    ):
        for language in languages:
            yield md(kind, text, {LANG: language})


def _contacts(contact: Contact) -> Iterator[Element]:
    for kind in ("technical", "support", "administrative"):
        yield md.ContactPerson(
            md.GivenName(contact.name),
            md.EmailAddress(f"mailto:{contact.email}"),
            contactType=kind,
        )
