"""The link of an invitation: 128 bits that nobody can guess and nobody needs to keep.

It is a keyed MAC of the appointment and the address it is written to. So it can be
written again into a later message, and another address gets another link.
It proves nothing: it only says which appointment someone wants to identify for.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

from pydantic import SecretStr

from contract.booking import CompanionRole

BYTES = 16
PURPOSE = b"invitation link 1"
NAMES_THE_KEY = b"link key 1"
FOR_A_COMPANION = b"companion link 1"


@dataclass(frozen=True, slots=True)
class Links:
    """Writes links. `origin` is the public one, as `https://video.example.fi`."""

    secret: SecretStr
    origin: str

    @property
    def key(self) -> str:
        """Tells one secret from another, and tells nothing of it."""
        secret = self.secret.get_secret_value().encode()
        return hmac.digest(secret, NAMES_THE_KEY, sha256)[:BYTES].hex()

    def token(
        self, appointment_id: str, email: SecretStr, role: CompanionRole | None = None
    ) -> SecretStr:
        """22 characters of URL-safe base64. A companion's is never the patient's."""
        address = email.get_secret_value().strip().lower()
        whose = [FOR_A_COMPANION, role.encode()] if role else [PURPOSE]
        told = b"\0".join([*whose, appointment_id.encode(), address.encode()])
        mac = hmac.digest(self.secret.get_secret_value().encode(), told, sha256)
        return SecretStr(urlsafe_b64encode(mac[:BYTES]).rstrip(b"=").decode())

    def digest(
        self, appointment_id: str, email: SecretStr, role: CompanionRole | None = None
    ) -> str:
        """SHA-256 of the token in hex: all that others ever hear of it."""
        token = self.token(appointment_id, email, role)
        return sha256(token.get_secret_value().encode()).hexdigest()

    def address(
        self,
        appointment_id: str,
        email: SecretStr,
        language: str,
        role: CompanionRole | None = None,
    ) -> SecretStr:
        token = self.token(appointment_id, email, role).get_secret_value()
        return SecretStr(f"{self.origin}/v/{token}?lang={language}")
