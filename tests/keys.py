"""Keys and sessions made for tests, and a fetch that counts how often it is used."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from chassis.clock import Clock
from chassis.refusal import Unavailable
from chassis.sessions import SigningKey, StaffSession, VisitSession

ORIGIN = "https://video.example.fi"
HOUR = timedelta(hours=1)


def pem(curve: ec.EllipticCurve | None = None) -> SecretStr:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    made = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SecretStr(made.decode())


def signing_key(clock: Clock, issuer: str = ORIGIN) -> SigningKey:
    return SigningKey(pem(), issuer, clock)


def a_visit(until: datetime, appointment: str = "a-1") -> VisitSession:
    return VisitSession(
        sid="s-1",
        sub="00000000-0000-4000-8000-000000000001",
        exp=until,
        appointment=appointment,
        role="patient",
        name=SecretStr("Testi Testinen"),
        birth_year=1980,
        method="mobile",
    )


def a_professional(until: datetime, *units: str) -> StaffSession:
    return StaffSession(
        sid="s-1", sub="p-1", exp=until, name="Testi Hoitaja", units=units
    )


class Published:
    """A key set that somebody publishes; it may be away, and change."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.away = False

    async def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)  # as anything that comes over a network
        if self.away:
            raise Unavailable("The key set cannot be had.")
        return {"keys": [each.public for each in self.keys]}
