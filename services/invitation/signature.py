"""The signature of an e-mail (DKIM): it is from the county, and nobody has changed it.

Sources: RFC 6376; RFC 8301 (no RSA key below 2048 bits is made today); RFC 8463 (Ed25519).
"""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Self

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

SHORTEST = 2048  # bits
RELAXED = (b"relaxed", b"relaxed")  # a mail server on the way may fold lines anew
# Once more than they are there: nobody can put in a second one.
ONCE = [b"from", b"to", b"subject", b"date", b"message-id", b"content-type"]


class NotAKey(ValueError):
    """What is given is no key that e-mails are signed with."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for a domain. The selector says under which name the public key stands."""

    domain: bytes
    selector: bytes
    algorithm: bytes
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, domain: str, selector: str, pem: SecretStr) -> Self:
        """Raises `NotAKey`."""
        algorithm, key = _key(pem)
        return cls(domain.encode("idna"), selector.encode(), algorithm, key)

    def __call__(self, content: bytes) -> bytes:
        message = dkim.DKIM(content)
        signature: bytes = message.sign(
            self.selector,
            self.domain,
            self.key,
            signature_algorithm=self.algorithm,
            canonicalize=RELAXED,
            include_headers=message.default_sign_headers() + ONCE,
        )
        return signature + content


def _key(pem: SecretStr) -> tuple[bytes, bytes]:
    """The algorithm, and the key as dkimpy reads it."""
    try:
        key = load_pem_private_key(pem.get_secret_value().encode(), password=None)
    except (ValueError, TypeError):
        raise NotAKey("must be a private key as PEM, without a password") from None
    if isinstance(key, Ed25519PrivateKey):
        return b"ed25519-sha256", b64encode(key.private_bytes_raw())
    if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST:
        raise NotAKey("must be an RSA key of 2048 bits or more, or an Ed25519 key")
    return b"rsa-sha256", key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
