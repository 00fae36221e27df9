"""A signed e-mail is verified by whoever gets it, and one that was changed is not."""

import re
from base64 import b64encode
from collections.abc import Callable
from uuid import UUID

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import SecretStr

from contract.invitation import Kind
from services.invitation import words
from services.invitation.domain import Appointment, Delivery
from services.invitation.letter import LetterWriter
from services.invitation.link import Links
from services.invitation.mail import Desk
from services.invitation.signature import NotAKey, Signer
from tests.invitation.office import NOON, ORIGIN, SECRET, Office, booking, email_of

NAME = b"video2026._domainkey.visit.test."
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
every_key = pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])


def pem(key: Key) -> SecretStr:
    told = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SecretStr(told.decode())


def signer(key: Key) -> Signer:
    return Signer.of("visit.test", "video2026", pem(key))


def in_dns(key: Key) -> Callable[..., bytes | None]:
    """The record as docs/operations.md has it made."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        kind, public = "ed25519", key.public_key().public_bytes_raw()
    else:
        kind = "rsa"
        public = key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
    record = f"v=DKIM1; k={kind}; p={b64encode(public).decode()}".encode()
    return lambda name, **_: record if name == NAME else None


def written(key: Key) -> bytes:
    catalogue = words.load()
    desk = Desk(
        Links(SECRET, ORIGIN),
        LetterWriter(catalogue),
        catalogue,
        "Testå <t@visit.test>",
        signer(key),
    )
    delivery = Delivery(
        delivery_id=UUID(int=1),
        kind=Kind.INVITATION,
        revision=1,
        link_digest="0" * 64,
        created_at=NOON,
        wanted_at=NOON,
        due_at=NOON,
    )
    return desk.write(Appointment("testi-1").after(booking()), delivery).content


def verified(content: bytes, key: Key) -> bool:
    return bool(dkim.verify(content, dnsfunc=in_dns(key)))


@every_key
def test_what_is_signed_is_verified(key: Key) -> None:
    content = written(key)
    assert content.startswith(b"DKIM-Signature: v=1; a=")
    assert b"d=visit.test;" in content
    assert verified(content, key)


@every_key
@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (rb"\r\nSubject: ", b"\r\nSubject: Fwd: "),
        (rb"\r\nTo: ", b"\r\nTo: other@example.test, "),
        (rb"\r\nContent-Type: ", b"\r\nFrom: x@visit.test\r\nContent-Type: "),
        (rb"\r\nMIME-Version", b"\r\nSubject: Again\r\nMIME-Version"),
        (rb"visit\.test/v/", b"visit.evil/v/"),
        (rb"--=_whole--\r\n", b"and more\r\n"),
    ],
    ids=["subject", "to", "another from", "another subject", "link", "more"],
)
def test_what_was_changed_is_not(key: Key, there: bytes, instead: bytes) -> None:
    content = written(key)
    changed = re.sub(there, instead, content, count=1)
    assert changed != content
    assert not verified(changed, key)


@every_key
def test_a_server_on_the_way_may_fold_a_line_anew(key: Key) -> None:
    content = written(key)
    folded = content.replace(
        b"Auto-Submitted: auto", b"Auto-Submitted:\r\n auto", 1
    ).replace(b"Date: Fri, ", b"Date: Fri,\r\n\t", 1)
    assert folded != content
    assert verified(folded, key)


async def test_it_is_still_verified_when_it_has_come(office: Office) -> None:
    office.desk = Desk(
        office.links,
        office.letters,
        office.catalogue,
        "Testi <t@visit.test>",
        signer(RSA),
    )
    booked = await office.book()
    await office.deliver()
    (raw,) = (
        each.raw
        for each in office.mailbox.mails
        if email_of(booked) in str(each.message["To"])
    )
    assert verified(raw, RSA)


@pytest.mark.parametrize(
    "key",
    [
        SecretStr("not a key"),
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - to be refused
        pem(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["no key", "short", "elliptic curve"],
)
def test_a_weak_or_wrong_key_is_refused_without_being_told(key: SecretStr) -> None:
    with pytest.raises(NotAKey) as refused:
        Signer.of("visit.test", "video2026", key)
    assert key.get_secret_value() not in str(refused.value)


def test_a_signer_does_not_print_its_key() -> None:
    assert "key" not in repr(signer(ED25519))
