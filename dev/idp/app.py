"""Puts the two issuers together and serves them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from chassis.clock import Clock, now
from dev import programs
from dev.idp.issuers import (
    STAFF_LEVEL,
    TEST_LEVEL,
    Bend,
    Client,
    Issuer,
    Seal,
    encrypted,
    of_person,
    of_professional,
)
from dev.idp.keys import ClientKeys, OwnKeys, published_at
from dev.idp.web import Doors
from dev.persons import PROFESSIONALS, persons
from dev.site import serve, style


@dataclass(frozen=True)
class Provider:
    """A running provider and its issuers."""

    url: str
    suomifi: Issuer
    staff: Issuer


@asynccontextmanager
async def identity_provider(
    suomifi: Client, staff: Client, *, port: int = 0, clock: Clock = now
) -> AsyncIterator[Provider]:
    """Both issuers on 127.0.0.1; a port of 0 is any free one."""
    port = port or programs.free_port()
    url = f"http://127.0.0.1:{port}"
    issuers = (suomifi_issuer(url, suomifi, clock), staff_issuer(url, staff))
    async with serve(application(issuers, clock), port):
        yield Provider(url, *issuers)


def suomifi_issuer(
    base: str,
    client: Client,
    clock: Clock = now,
    *,
    level: str = TEST_LEVEL,
    seal: Seal | None = encrypted,
    bend: Bend = dict,
) -> Issuer:
    """Identifies persons by their personal identity codes."""
    identities = tuple(map(of_person, persons(clock().date())))
    url = f"{base}/suomifi"
    return Issuer("suomifi", url, level, client, identities, OwnKeys(), seal, bend)


def staff_issuer(base: str, client: Client, *, bend: Bend = dict) -> Issuer:
    """Identifies the county's employees, and says which units are theirs."""
    identities = tuple(map(of_professional, PROFESSIONALS))
    url = f"{base}/staff"
    return Issuer("staff", url, STAFF_LEVEL, client, identities, OwnKeys(), None, bend)


def application(issuers: tuple[Issuer, ...], clock: Clock = now) -> web.Application:
    app = web.Application()
    app.router.add_get("/demo.css", style)
    for issuer in issuers:
        keys = ClientKeys(published_at(issuer.client.jwks_url))
        app.add_routes(Doors(issuer, keys, clock).routes())
    return app
