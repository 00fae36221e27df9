"""What a SAML provider may say, and what is not believed."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha1

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from services.identity.domain import (
    IdentificationCancelled,
    IdentificationFailed,
    Why,
)
from services.identity.saml.response import Judge
from services.identity.saml.xml import DS, SAML, SAMLP, XENC, XENC11
from tests.identity import wrapping
from tests.identity.people import TEN
from tests.identity.saml_provider import (
    Element,
    Saying,
    certificate,
    find,
    judge,
    key,
    rules,
    sealed,
    signed,
)
from tests.identity.wrapping import FORGED, SHAPES

GOOD = Saying()
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
ISSUER = f"<saml:Issuer xmlns:saml='{SAML}'>"


def why(said: str | Saying, by: Judge | None = None) -> tuple[Why, str]:
    """Why the provider's word was not believed."""
    text = said if isinstance(said, str) else said.posted()
    with pytest.raises(IdentificationFailed) as failed:
        (by or judge()).assertion(text)
    assert failed.value.__cause__ is None
    return failed.value.why, failed.value.about


def posted(root: Element | bytes) -> str:
    text = root if isinstance(root, bytes) else etree.tostring(root)
    return b64encode(text).decode()


def put(path: str, **attributes: str | None) -> Callable[[Element], None]:
    """Sets attributes of the element at this path; None takes one away."""

    def bend(root: Element) -> None:
        element = root if path == "." else find(root, path)
        for name, value in attributes.items():
            if value is None:
                element.attrib.pop(name)
            else:
                element.set(name, value)

    return bend


def without(path: str) -> Callable[[Element], None]:
    def bend(root: Element) -> None:
        element = find(root, path)
        element.getparent().remove(element)

    return bend


def twice(path: str) -> Callable[[Element], None]:
    def bend(root: Element) -> None:
        element = find(root, path)
        element.addnext(etree.fromstring(etree.tostring(element)))

    return bend


DATA = ".//saml:SubjectConfirmationData"
CONDITIONS = "saml:Conditions"
STATEMENT = "saml:AuthnStatement"
LONG_AGO, LATER = "2026-11-23T07:00:00Z", "2026-11-23T09:00:00Z"


@pytest.mark.parametrize("cipher", ["aes128-gcm", "aes256-gcm"])
def test_a_good_answer_is_believed(cipher: str) -> None:
    said = judge().assertion(replace(GOOD, cipher=cipher).posted())
    assert said.attributes == {"urn:oid:1.2.246.21": "010170-999R"}
    assert (said.name_id, said.index) == ("_somebody", "_index")
    assert said.assertion_id == "_assertion"


def test_what_is_believed_does_not_print() -> None:
    shown = repr(judge().assertion(GOOD.posted()))
    assert "010170" not in shown
    assert "_somebody" not in shown


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"issuer": "https://idp.example/IDP1"}, "Issuer"),
        ({"audience": "https://another.example/saml"}, "Audience"),
        ({"audience": "https://video.example/SAML"}, "Audience"),
        ({"acs": "https://another.example/acs"}, "Destination"),
        ({"request_id": "_another"}, "InResponseTo"),
        ({"at": TEN - timedelta(minutes=11)}, "IssueInstant"),
        ({"at": TEN + timedelta(seconds=2)}, "IssueInstant"),
        ({"response": put(".", InResponseTo=None)}, "InResponseTo"),
        ({"response": put(".", Destination=None)}, "Destination"),
        ({"response": put(".", IssueInstant=None)}, "IssueInstant"),
        ({"response": put(".", Version="1.1")}, "Version"),
        ({"response": without("saml:Issuer")}, "Issuer"),
        ({"response": twice("saml:Issuer")}, "Issuer"),
        ({"assertion": without("saml:Issuer")}, "Issuer"),
        ({"assertion": put(".", IssueInstant=LATER)}, "IssueInstant"),
        ({"assertion": put(DATA, Recipient="x")}, "SubjectConfirmation"),
        ({"assertion": put(DATA, Recipient=None)}, "SubjectConfirmation"),
        ({"assertion": put(DATA, InResponseTo="_other")}, "SubjectConfirmation"),
        ({"assertion": put(DATA, InResponseTo=None)}, "SubjectConfirmation"),
        ({"assertion": put(DATA, NotOnOrAfter=LONG_AGO)}, "SubjectConfirmation"),
        ({"assertion": put(DATA, NotBefore=LONG_AGO)}, "SubjectConfirmation"),
        ({"assertion": put(DATA, NotOnOrAfter=None)}, "NotOnOrAfter"),
        ({"assertion": put(DATA, NotOnOrAfter="soon")}, "NotOnOrAfter"),
        (
            {"assertion": put(".//saml:SubjectConfirmation", Method="x")},
            "SubjectConfirmation",
        ),
        ({"assertion": without(".//saml:SubjectConfirmation")}, "SubjectConfirmation"),
        ({"assertion": without("saml:Subject")}, "Subject"),
        ({"assertion": twice(".//saml:NameID")}, "NameID"),
        ({"assertion": put(".//saml:NameID", Format="persistent")}, "NameID"),
        ({"assertion": without(CONDITIONS)}, "Conditions"),
        ({"assertion": twice(CONDITIONS)}, "Conditions"),
        ({"assertion": put(CONDITIONS, NotOnOrAfter=LONG_AGO)}, "NotOnOrAfter"),
        ({"assertion": put(CONDITIONS, NotOnOrAfter=None)}, "NotOnOrAfter"),
        ({"assertion": put(CONDITIONS, NotBefore=LATER)}, "NotBefore"),
        ({"assertion": without(".//saml:AudienceRestriction")}, "Audience"),
        ({"assertion": without(".//saml:Audience")}, "Audience"),
        ({"assertion": without(STATEMENT)}, "AuthnStatement"),
        ({"assertion": twice(STATEMENT)}, "AuthnStatement"),
        ({"assertion": put(STATEMENT, AuthnInstant=LONG_AGO)}, "AuthnInstant"),
        ({"assertion": put(STATEMENT, AuthnInstant=LATER)}, "AuthnInstant"),
        (
            {"assertion": put(STATEMENT, SessionNotOnOrAfter=LONG_AGO)},
            "SessionNotOnOrAfter",
        ),
        (
            {"assertion": without(".//saml:AuthnContextClassRef")},
            "AuthnContextClassRef",
        ),
        ({"assertion": twice(".//saml:Attribute")}, "Attribute"),
        ({"assertion": twice(".//saml:AttributeValue")}, "Attribute"),
    ],
)
def test_an_answer_with_a_wrong_or_missing_part_is_not_believed(
    changes: dict[str, object], about: str
) -> None:
    assert why(replace(GOOD, **changes)) == (Why.WRONG_CLAIM, about)


def test_a_condition_that_we_do_not_know_is_not_passed_over() -> None:
    def bend(assertion: Element) -> None:
        etree.SubElement(find(assertion, CONDITIONS), f"{{{SAML}}}Condition")

    assert why(replace(GOOD, assertion=bend)) == (Why.WRONG_CLAIM, "Conditions")


def test_two_clocks_may_differ_as_much_as_the_setting_says() -> None:
    ahead = replace(GOOD, at=TEN + timedelta(seconds=5)).posted()
    assert why(ahead) == (Why.WRONG_CLAIM, "IssueInstant")
    assert judge(skew=timedelta(seconds=5)).assertion(ahead)


def test_an_answer_has_five_minutes_and_no_more() -> None:
    said = GOOD.posted()
    assert Judge(rules(), "_the-nonce", TEN + timedelta(seconds=300)).assertion(said)
    late = Judge(rules(), "_the-nonce", TEN + timedelta(seconds=301))
    assert why(said, late) == (Why.WRONG_CLAIM, "NotOnOrAfter")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signing": None}, Why.NOT_SIGNED),
        ({"assertion_signing": None}, Why.NOT_SIGNED),
        ({"signing": "stranger"}, Why.NOT_VERIFIED),
        ({"assertion_signing": "stranger"}, Why.NOT_VERIFIED),
        ({"signing": None, "assertion_signing": None}, Why.NOT_SIGNED),
        ({"sealing": None}, Why.NOT_ENCRYPTED),
        ({"sealing": "stranger"}, Why.NOT_OPENED),
        ({"late": put(".", Consent="x")}, Why.NOT_VERIFIED),
        ({"late": put(".", ID="_another")}, Why.NOT_VERIFIED),
        ({"late": put(".", ID=None)}, Why.NOT_VERIFIED),
        ({"late": twice("ds:Signature")}, Why.NOT_VERIFIED),
        ({"late": put(".//ds:Reference", URI="")}, Why.NOT_VERIFIED),
        ({"late": twice(".//ds:Reference")}, Why.NOT_VERIFIED),
        ({"signed_assertion": put(".", ID="_another")}, Why.NOT_VERIFIED),
        ({"signed_assertion": twice("saml:AttributeStatement")}, Why.NOT_VERIFIED),
        ({"response": without("saml:EncryptedAssertion")}, Why.NOT_ENCRYPTED),
        ({"response": twice("saml:EncryptedAssertion")}, Why.NOT_ENCRYPTED),
    ],
)
def test_an_answer_that_is_not_signed_and_sealed_as_agreed_is_not_believed(
    changes: dict[str, object], reason: Why
) -> None:
    assert why(replace(GOOD, **changes)) == (reason, "")


def test_an_open_assertion_beside_the_sealed_one_is_refused() -> None:
    def bend(response: Element) -> None:
        response.append(etree.fromstring(f"<saml:Assertion xmlns:saml='{SAML}'/>"))

    assert why(replace(GOOD, response=bend)) == (Why.NOT_ENCRYPTED, "")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_wrapped_signature_covers_only_what_it_covers(
    shape: Callable[[Element], Element],
) -> None:
    """As it is wrapped, and signed anew as if the first signature had been overcome."""
    wrapped = shape(replace(GOOD, sealing=None).made())
    text = etree.tostring(wrapped).decode()
    assert FORGED in text
    assert "010170-999R" in text
    with pytest.raises(IdentificationFailed):
        judge().assertion(posted(wrapped))

    for each in wrapped.findall(f"{{{SAML}}}Assertion"):
        cover = etree.fromstring(sealed(etree.tostring(each), "ours"))
        wrapped.replace(each, cover)
    for each in wrapped.findall(f"{{{DS}}}Signature"):
        wrapped.remove(each)
    with pytest.raises(IdentificationFailed):
        judge().assertion(posted(signed(wrapped, "provider")))


@pytest.mark.parametrize(
    "shape",
    [wrapping.xsw4, wrapping.xsw6, wrapping.xsw8],
    ids=lambda shape: shape.__name__,
)
def test_a_wrapped_assertion_under_one_seal_is_refused_for_its_signature(
    shape: Callable[[Element], Element],
) -> None:
    """Where the response around it is all right, and the assertion alone must hold."""
    plain = replace(GOOD, sealing=None, signing=None).made()
    evil = find(shape(plain), "saml:Assertion")
    cover = etree.fromstring(sealed(etree.tostring(evil), "ours"))
    evil.getparent().replace(evil, cover)
    reason, _ = why(posted(signed(plain, "provider")))
    assert reason in (Why.NOT_SIGNED, Why.NOT_VERIFIED)


BOMB = """<!DOCTYPE a [<!ENTITY a "hahahaha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>"""
FILE = '<!DOCTYPE a [<!ENTITY d SYSTEM "file:///etc/passwd">]>'
REMOTE = '<!DOCTYPE a [<!ENTITY d SYSTEM "http://127.0.0.1:9/d">]>'
PARAMETER = '<!DOCTYPE a [<!ENTITY % d SYSTEM "http://127.0.0.1:9/d"> %d;]>'
OUTSIDE = '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">'
BARE = "<!DOCTYPE a>"


@pytest.mark.parametrize("trick", [BOMB, FILE, REMOTE, PARAMETER, OUTSIDE, BARE])
@pytest.mark.parametrize("entity", ["", "&d;"])
def test_a_document_type_is_refused_whatever_it_does(trick: str, entity: str) -> None:
    text = etree.tostring(GOOD.made()).decode()
    spiked = text.replace("</saml:Issuer>", f"{entity}</saml:Issuer>", 1)
    assert why(posted((trick + spiked).encode())) == (Why.NOT_UNDERSTOOD, "")
    assert why(posted((trick + spiked).encode("utf-16"))) == (Why.NOT_UNDERSTOOD, "")


def test_a_document_type_under_the_seal_is_refused() -> None:
    text = BOMB + etree.tostring(GOOD.made()).decode()
    response = replace(GOOD, signing=None).made()
    old = find(response, "saml:EncryptedAssertion")
    response.replace(old, etree.fromstring(sealed(text.encode(), "ours")))
    again = posted(signed(response, "provider"))
    assert why(again) == (Why.NOT_UNDERSTOOD, "")


@pytest.mark.parametrize("hidden", ["<!--x-->", "<?x y?>", "<![CDATA[]]><!-- -->"])
@pytest.mark.parametrize("where", ["010170-999R", "_somebody"])
def test_a_comment_cuts_no_text_short(hidden: str, where: str) -> None:
    """Exclusive canonicalization leaves comments out, so the signature stays valid."""

    def bend(assertion: Element) -> None:
        for each in assertion.iter():
            if each.text == where:
                text = etree.tostring(each, with_tail=False).decode()
                split = text.replace(where, where[:6] + hidden + where[6:])
                new = etree.fromstring(split)
                new.tail = each.tail
                each.getparent().replace(each, new)
                return

    assert why(replace(GOOD, signed_assertion=bend)) == (Why.NOT_UNDERSTOOD, "")


def test_a_comment_in_the_response_is_refused_too() -> None:
    text = etree.tostring(GOOD.made()).replace(b"idp1", b"idp1<!---->", 1)
    assert why(posted(text)) == (Why.NOT_UNDERSTOOD, "")
    around = b"<!-- -->" + etree.tostring(GOOD.made())
    assert why(posted(around)) == (Why.NOT_UNDERSTOOD, "")


def test_an_element_inside_a_value_cuts_no_text_short() -> None:
    def bend(assertion: Element) -> None:
        value = find(assertion, ".//saml:AttributeValue")
        etree.SubElement(value, f"{{{SAML}}}NameID").tail = "and more"

    assert why(replace(GOOD, assertion=bend)) == (Why.WRONG_CLAIM, "text")


def algorithm(name: str) -> Callable[[Element], None]:
    return put(".//ds:SignatureMethod", Algorithm=name)


@pytest.mark.parametrize(
    "name",
    [
        f"{DS}hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        f"{DS}rsa-sha1",
        f"{DS}dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "none",
        "",
    ],
)
def test_other_algorithms_sign_nothing(name: str) -> None:
    assert why(replace(GOOD, late=algorithm(name))) == (Why.NOT_VERIFIED, "")
    spoiled = replace(GOOD, signed_assertion=algorithm(name))
    assert why(spoiled) == (Why.NOT_VERIFIED, "")


def test_a_public_certificate_is_no_shared_secret() -> None:
    """An HMAC with what everybody knows as its key."""
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.HMAC_SHA256,
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    public = certificate("provider").public_bytes(Encoding.PEM)
    root = signer.sign(
        GOOD.unsigned(), key=public, reference_uri="_response", id_attribute="ID"
    )
    assert why(posted(root)) == (Why.NOT_VERIFIED, "")


@pytest.mark.parametrize("part", ["SignatureMethod", "DigestMethod"])
def test_sha_1_signs_nothing(part: str) -> None:
    """Truly signed with SHA-1, by a signer that still does."""
    root = old_fashioned(GOOD.unsigned(), part)
    easy_going = SignatureConfiguration(
        location="./",
        signature_methods=frozenset(SignatureMethod),
        digest_algorithms=frozenset(DigestAlgorithm),
        verification_time=TEN,
    )
    XMLVerifier().verify(
        root,
        x509_cert=certificate("provider"),
        id_attribute="ID",
        expect_config=easy_going,
    )
    assert why(posted(root)) == (Why.NOT_VERIFIED, "")


def old_fashioned(root: Element, part: str) -> Element:
    made = signed(root, "provider")
    info = find(made, "ds:Signature/ds:SignedInfo")
    if part == "DigestMethod":
        find(info, ".//ds:DigestMethod").set("Algorithm", f"{DS}sha1")
        whole = etree.fromstring(etree.tostring(made))
        whole.remove(find(whole, "ds:Signature"))
        text = etree.tostring(whole, method="c14n", exclusive=True)
        digest = sha1(text, usedforsecurity=False).digest()
        find(info, ".//ds:DigestValue").text = b64encode(digest).decode()
    else:
        find(info, "ds:SignatureMethod").set("Algorithm", f"{DS}rsa-sha1")
    text = etree.tostring(info, method="c14n", exclusive=True)
    method = SHA1() if part == "SignatureMethod" else SHA256()  # noqa: S303
    value = key("provider").sign(text, PKCS1v15(), method)
    find(made, "ds:Signature/ds:SignatureValue").text = b64encode(value).decode()
    return made


@pytest.mark.parametrize(
    "path", [".//ds:CanonicalizationMethod", ".//ds:Transform[2]", ".//ds:Transform[1]"]
)
def test_another_way_of_writing_what_was_signed_is_refused(path: str) -> None:
    other = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
    assert why(replace(GOOD, late=put(path, Algorithm=other)))[0] is Why.NOT_VERIFIED


def test_a_certificate_that_comes_along_is_not_the_providers() -> None:
    """The one that counts was agreed on beforehand."""
    said = replace(GOOD, signing="stranger", assertion_signing="stranger")
    assert why(said) == (Why.NOT_VERIFIED, "")


def test_while_the_provider_changes_keys_both_are_taken() -> None:
    both = judge(certificates=[certificate("next"), certificate("provider")])
    for name in ("provider", "next"):
        said = replace(GOOD, signing=name, assertion_signing=name)
        assert both.assertion(said.posted())


def test_a_certificate_of_the_provider_ends_with_its_day() -> None:
    ended = certificate("provider", TEN - timedelta(days=1))
    assert why(GOOD, judge(certificates=[ended])) == (Why.NOT_VERIFIED, "")


def test_while_we_change_keys_both_open() -> None:
    both = judge(keys=[key("ours-next"), key("ours")])
    for name in ("ours", "ours-next"):
        assert both.assertion(replace(GOOD, sealing=name).posted())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("xenc:EncryptionMethod", f"{XENC}aes128-cbc"),
        ("xenc:EncryptionMethod", f"{XENC}tripledes-cbc"),
        ("xenc:EncryptionMethod", f"{XENC11}aes256-gcm"),
        (".//xenc:EncryptedKey/xenc:EncryptionMethod", f"{XENC}rsa-1_5"),
        (".//ds:DigestMethod", f"{XENC}sha256"),
        (".//ds:DigestMethod", "unheard-of"),
    ],
)
def test_another_encryption_than_agreed_is_not_opened(path: str, name: str) -> None:
    def bend(response: Element) -> None:
        data = find(response, "saml:EncryptedAssertion/xenc:EncryptedData")
        find(data, path).set("Algorithm", name)

    assert why(replace(GOOD, response=bend)) == (Why.NOT_OPENED, "")


def test_a_changed_seal_is_not_opened() -> None:
    def bend(response: Element) -> None:
        path = ".//xenc:EncryptedData/xenc:CipherData/xenc:CipherValue"
        value = find(response, path)
        value.text = value.text[:40] + "AAAA" + value.text[44:]

    assert why(replace(GOOD, response=bend)) == (Why.NOT_OPENED, "")


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "<a/>", "PGEvPg==", "ü", b64encode(b"<a").decode()]
)
def test_nonsense_is_refused(text: str) -> None:
    assert why(text)[0] in (Why.NOT_UNDERSTOOD, Why.WRONG_CLAIM)


@pytest.mark.parametrize(
    ("codes", "refusal"),
    [
        (["Responder", "AuthnFailed"], IdentificationCancelled),
        (["Responder", "RequestDenied"], IdentificationCancelled),
        (["AuthnFailed"], IdentificationCancelled),
        (["Responder"], IdentificationFailed),
        (["Requester", "NoPassive"], IdentificationFailed),
        ([], IdentificationFailed),
    ],
)
@pytest.mark.parametrize("by", ["provider", None])
def test_a_provider_that_says_no_needs_no_proof(
    codes: list[str], refusal: type[Exception], by: str | None
) -> None:
    inner = "".join(f'<samlp:StatusCode Value="{STATUS}{code}">' for code in codes)
    text = f"""<samlp:Response xmlns:samlp="{SAMLP}" ID="_no" Version="2.0">{ISSUER}
        x</saml:Issuer><samlp:Status>{inner}{"</samlp:StatusCode>" * len(codes)}
        </samlp:Status></samlp:Response>"""
    with pytest.raises(refusal):
        judge().assertion(posted(signed(etree.fromstring(text), by)))
