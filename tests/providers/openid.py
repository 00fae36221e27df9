"""OpenID providers that others wrote (npm's oidc-provider), one for each of our two."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from joserfc.jwk import RSAKey

from chassis.clock import now
from dev import programs
from dev.idp.issuers import (
    STAFF_LEVEL,
    TEST_LEVEL,
    Identity,
    of_person,
    of_professional,
)
from dev.persons import PROFESSIONALS, persons
from dev.suite import Surroundings, Told

SCRIPT = Path(__file__).with_name("oidc-provider.mjs")
STARTS_WITHIN = 30.0
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """One set of algorithms, and one way of asking."""

    name: str
    signature: str
    key_encryption: str
    encryption: str
    pushed: bool
    cancelled: str


BY_VALUE = Kind(
    "value",
    "RS256",
    "RSA-OAEP",
    "A128CBC-HS256",
    pushed=False,
    cancelled="access_denied",
)
PUSHED = Kind(
    "pushed", "PS256", "RSA-OAEP-256", "A256GCM", pushed=True, cancelled="cancel"
)


class Npm:
    """Two running providers: for visits, where tokens are encrypted, and for staff."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        ports = programs.free_port(), programs.free_port()
        self.visits, self.staff = (f"http://127.0.0.1:{port}" for port in ports)

    def told(self, _: Surroundings) -> Told:
        """What identity is told of them."""
        kind = self.kind
        return {
            **self._endpoints("OIDC", self.visits),
            **self._endpoints("STAFF_OIDC", self.staff),
            "OIDC_SIGNATURES": kind.signature,
            "OIDC_KEY_ENCRYPTIONS": kind.key_encryption,
            "OIDC_ENCRYPTIONS": kind.encryption,
            "OIDC_OWN_SIGNATURE": kind.signature,
            "OIDC_NAMES_ITSELF": "true",
            "OIDC_SERVICE_NAME": "Videomottagning test",
        }

    def _endpoints(self, prefix: str, issuer: str) -> Told:
        told = {
            f"{prefix}_ISSUER": issuer,
            f"{prefix}_AUTHORIZATION_ENDPOINT": f"{issuer}/auth",
            f"{prefix}_TOKEN_ENDPOINT": f"{issuer}/token",
            f"{prefix}_JWKS_URL": f"{issuer}/jwks",
            f"{prefix}_END_SESSION_ENDPOINT": f"{issuer}/session/end",
        }
        if self.kind.pushed:
            told[f"{prefix}_PAR_ENDPOINT"] = f"{issuer}/request"
        return told

    @asynccontextmanager
    async def open(self, around: Surroundings) -> AsyncIterator[None]:
        with TemporaryDirectory() as folder:
            told = Path(folder) / "settings.json"
            told.write_text(json.dumps(self._settings(around)))
            command = ["node", str(SCRIPT), str(told)]
            program = programs.start(command, Path(folder) / "log")
            try:
                for each in (self.visits, self.staff):
                    await programs.until(_listening(each), program, STARTS_WITHIN)
                yield
            finally:
                await program.end()

    def _settings(self, around: Surroundings) -> Sequence[Settings]:
        visits, staff = around.clients()
        people = list(map(of_person, persons(now().date())))
        workers = list(map(of_professional, PROFESSIONALS))
        sealed = {
            "id_token_encrypted_response_alg": self.kind.key_encryption,
            "id_token_encrypted_response_enc": self.kind.encryption,
        }
        visitor = _client(
            visits.client_id, around, "/identity", "/identity/logout/return"
        )
        worker = _client(staff.client_id, around, "/identity/staff", "/staff")
        return [
            self._provider("visits", self.visits, TEST_LEVEL, visitor | sealed, people),
            self._provider("staff", self.staff, STAFF_LEVEL, worker, workers),
        ]

    def _provider(
        self,
        name: str,
        issuer: str,
        level: str,
        client: dict[str, Any],
        people: Sequence[Identity],
    ) -> Settings:
        signs = self.kind.signature if name == "visits" else "RS256"
        client |= {
            "id_token_signed_response_alg": self.kind.signature,
            "request_object_signing_alg": signs,
            "token_endpoint_auth_signing_alg": signs,
        }
        return {
            "name": f"{self.kind.name}_{name}",
            "issuer": issuer,
            "keys": [_key(self.kind.signature)],
            "algorithms": {"signature": self.kind.signature, "ours": signs},
            "pushed": self.kind.pushed,
            "cancelled": self.kind.cancelled,
            "level": level,
            "levels": [level],
            "claims": sorted(
                {name for each in people for name in each.claims} - {"sub"}
            ),
            "clients": [client],
            "people": {
                str(each.claims.get("sub", each.key)): dict(each.claims)
                for each in people
            },
        }


def _client(
    client_id: str, around: Surroundings, doors: str, page: str
) -> dict[str, Any]:
    url = around.url
    return {
        "client_id": client_id,
        "redirect_uris": [f"{url}{doors}/callback"],
        "post_logout_redirect_uris": [f"{url}{page}"],
        "backchannel_logout_uri": f"{url}{doors}/backchannel-logout",
        "backchannel_logout_session_required": True,
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": f"{url}/identity/client/jwks.json",
    }


@cache
def _key(algorithm: str) -> Mapping[str, Any]:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": algorithm})
    key.ensure_kid()
    return key.as_dict(private=True)


def _listening(url: str) -> Any:
    port = int(url.rpartition(":")[2])
    return lambda: programs.listens(port)
