"""Sealing what must be read again: AES-256-GCM under a key, bound to what it is about."""

import hmac
from hashlib import sha256
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from services.identity.domain import NotOpened

NONCE = 12  # bytes: NIST SP 800-38D, 8.2


class Seal:
    """`purpose` keeps what one secret seals for one thing from opening as another."""

    def __init__(self, secret: SecretStr, purpose: str) -> None:
        key = secret.get_secret_value().encode()
        self._cipher = AESGCM(hmac.digest(key, b"seal " + purpose.encode(), sha256))

    def closed(self, text: str, about: str) -> bytes:
        nonce = token_bytes(NONCE)
        return nonce + self._cipher.encrypt(nonce, text.encode(), about.encode())

    def opened(self, sealed: bytes, about: str) -> str:
        """Raises `NotOpened`."""
        nonce, rest = sealed[:NONCE], sealed[NONCE:]
        try:
            return self._cipher.decrypt(nonce, rest, about.encode()).decode()
        except (InvalidTag, ValueError):
            raise NotOpened from None
