"""The doors of the invitation service, and a professional who uses them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from chassis.logs import log
from chassis.sessions import KeySet, SigningKey, StaffSession
from chassis.web import STAFF_COOKIE, House, application
from contract.booking import AppointmentBooked
from services.invitation.web import STATUSES, doors, open_for_reports
from tests.invitation.office import ORIGIN, Office

Client = TestClient[Any, Any]
KEY = SecretStr("a key that only these tests know")


def key(office: Office) -> SigningKey:
    made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return SigningKey(SecretStr(made.decode()), ORIGIN, office.clock)


@asynccontextmanager
async def front(office: Office, signing: SigningKey) -> AsyncIterator[Client]:
    async def published() -> Mapping[str, Any]:
        return {"keys": [signing.public]}

    rooms = doors(office.oversight, office.letters, ORIGIN, office.clock)
    open_for_reports(rooms, office.returns, KEY, office.clock)
    house = House(
        service="invitation",
        origin=ORIGIN,
        proxies=0,
        statuses=STATUSES,
        doors=rooms,
        keys=KeySet(published, ORIGIN, office.clock),
        log=log("invitation"),
    )
    async with TestClient(TestServer(application(house))) as made:
        yield made


def as_staff(office: Office, signing: SigningKey, *units: str) -> dict[str, str]:
    session = StaffSession(
        sid="s-1",
        sub="p-1",
        name="Testi-Läkare",
        units=units,
        exp=office.clock() + timedelta(1),
    )
    cookie = f"{STAFF_COOKIE}={signing.sign(session)}"
    return {"Cookie": cookie, "Origin": ORIGIN}


def path(booked: AppointmentBooked, more: str = "") -> str:
    return f"/invitation/api/appointments/{booked.appointment_id}{more}"
