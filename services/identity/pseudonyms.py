"""What is kept instead of a personal identity code: keyed digests and pairwise ids.

About 10^9 codes are possible, so a digest without a secret key would hide nothing.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from uuid import UUID

from pydantic import SecretStr

from contract.identity import Role
from services.identity import national_id
from services.identity.domain import Digest, NotOpened
from services.identity.national_id import NationalId, NotAPersonalCode

DOTS_OF_A_JWE = 4  # RFC 7516, 3.1: five parts


class Pseudonyms:
    """Made with keys that nobody else has. The key before still recognises."""

    def __init__(
        self,
        national_id: SecretStr,
        national_id_before: SecretStr | None,
        person: SecretStr,
    ) -> None:
        self._key = _key(national_id)
        self._keys = [self._key]
        if national_id_before is not None:
            self._keys.append(_key(national_id_before))
        self._person = _key(person)

    def digest(self, code: NationalId) -> Digest:
        """To keep: by the key of today."""
        return _digest(self._key, code)

    def digests(self, code: NationalId) -> tuple[Digest, ...]:
        """To recognise: today's first, then by the key before."""
        return tuple(_digest(key, code) for key in self._keys)

    def person_id(
        self, appointment_id: str, digest: Digest, companion: Role | None = None
    ) -> UUID:
        """The same for one person and one appointment; another for each other.

        Who comes as a companion too has another for that: each role is a place of its own.
        """
        text = appointment_id.encode() + b"\0" + digest.value
        if companion is not None:
            text += b"\0" + companion.encode()
        return _uuid(hmac.digest(self._person, text, sha256))


@dataclass(frozen=True, slots=True)
class Register:
    """Reads personal identity codes; what leaves identity is a digest or an id."""

    pseudonyms: Pseudonyms
    opens: Callable[[str], str] = field(repr=False)  # raises NotOpened
    test_persons: bool

    def read(self, text: SecretStr, today: date) -> NationalId:
        """The code that a provider tells. Raises `NotAPersonalCode`."""
        return national_id.read(text, today, test_persons=self.test_persons)

    def read_booked(self, text: SecretStr, today: date) -> NationalId:
        """The code in a booking, as it is or sealed for us. Raises `NotAPersonalCode`."""
        if text.get_secret_value().count(".") != DOTS_OF_A_JWE:
            return self.read(text, today)
        try:
            opened = self.opens(text.get_secret_value())
        except NotOpened:
            raise NotAPersonalCode("The code is sealed for somebody else.") from None
        return self.read(SecretStr(opened), today)


def _key(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def _digest(key: bytes, code: NationalId) -> Digest:
    key_id = hmac.digest(key, b"key id", sha256).hex()[:16]
    return Digest(key_id, hmac.digest(key, code.text.encode(), sha256))


def _uuid(material: bytes) -> UUID:
    """Version 8 of RFC 9562: the bits are ours, version and variant are marked."""
    bits = int.from_bytes(material[:16])
    bits = bits & ~(0xF << 76) | 0x8 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=bits)
