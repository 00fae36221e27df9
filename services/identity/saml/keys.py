"""Keys and certificates from PEM, several in one text where keys are being changed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates
from pydantic import SecretStr

LEAST_BITS = 2048
ONE_KEY = re.compile(
    r"-----BEGIN (?:RSA )?PRIVATE KEY-----.+?-----END (?:RSA )?PRIVATE KEY-----",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Ours. We sign with the first key and open with every one; all of it is published.

    A certificate without its key may be published ahead of its time, for signing only:
    what is encrypted for it could not be opened.
    """

    signing: RSAPrivateKey = field(repr=False)
    opening: Sequence[RSAPrivateKey] = field(repr=False)
    signing_certificates: Sequence[Certificate]
    encryption_certificates: Sequence[Certificate]

    def __post_init__(self) -> None:
        if not _fits(self.signing_certificates[0], [self.signing]):
            raise TypeError("The first signing certificate is not of our signing key.")
        if not all(_fits(each, self.opening) for each in self.encryption_certificates):
            raise TypeError("We have no key for a certificate others encrypt with.")


def private_keys(pem: SecretStr) -> Sequence[RSAPrivateKey]:
    return [_key(each) for each in ONE_KEY.findall(pem.get_secret_value())]


def _key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise TypeError(f"A key of ours is an RSA key of {LEAST_BITS} bits or more.")
    return key


def certificates(pem: str) -> Sequence[Certificate]:
    return load_pem_x509_certificates(pem.encode())


def _fits(certificate: Certificate, keys: Sequence[RSAPrivateKey]) -> bool:
    public = certificate.public_key()
    return any(public == key.public_key() for key in keys)
