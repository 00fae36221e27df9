"""TURN credentials that expire by themselves.

Source: draft-uberti-behave-turn-rest-00, as coturn's `use-auth-secret` has it.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha1
from hmac import digest

from pydantic import SecretStr

from chassis.clock import Clock
from services.signalling.protocol import IceServer


@dataclass(frozen=True, slots=True)
class Turn:
    stun_urls: tuple[str, ...]
    turn_urls: tuple[str, ...]
    secret: SecretStr | None
    life: timedelta
    clock: Clock

    def servers(self, pseudonym: str) -> list[IceServer]:
        """What a browser is given; the TURN server learns no more than the pseudonym."""
        servers: list[IceServer] = []
        if self.stun_urls:
            servers.append({"urls": list(self.stun_urls)})
        if self.turn_urls and self.secret:
            servers.append(self._with_credentials(pseudonym, self.secret))
        return servers

    def _with_credentials(self, pseudonym: str, secret: SecretStr) -> IceServer:
        expiry = int((self.clock() + self.life).timestamp())
        username = f"{expiry}:{pseudonym}"
        key = secret.get_secret_value().encode()
        mac = digest(key, username.encode(), sha1)
        return {
            "urls": list(self.turn_urls),
            "username": username,
            "credential": b64encode(mac).decode(),
        }
