"""The five services, told about the servers around them: in one process, or in five.

`told()` gives each service's environment, the same for a process of its own and for
`assembled()`, which puts all five behind one door in this process.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import READY, in_the_way
from chassis.health import operations
from contract.catalogue import SERVICES
from deploy.prepare import oidc_key, secret, signing_key
from dev.door import door
from dev.idp.issuers import STAFF_LEVEL, TEST_LEVEL, Client
from dev.reference import settings_of
from dev.site import serve

Told = Mapping[str, str]


@dataclass(frozen=True)
class Secrets:
    """Made anew for each run; nothing that was sent under older ones opens any more."""

    link: str = field(default_factory=secret, repr=False)
    bounce: str = field(default_factory=secret, repr=False)
    national_id: str = field(default_factory=secret, repr=False)
    person: str = field(default_factory=secret, repr=False)
    session_key: str = field(default_factory=signing_key, repr=False)
    admission_key: str = field(default_factory=signing_key, repr=False)
    vapid_key: str = field(default_factory=signing_key, repr=False)
    oidc_signing_key: str = field(default_factory=oidc_key, repr=False)
    oidc_encryption_key: str = field(default_factory=oidc_key, repr=False)


@dataclass(frozen=True)
class Surroundings:
    """What the suite leans on, and the one address that browsers see."""

    url: str
    idp_url: str
    kafka: str
    smtp_url: str = field(repr=False)
    databases: Mapping[str, str] = field(repr=False)
    sms_url: str = ""  # none: no text message is sent
    kafka_fetch_wait_ms: int = 100
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    more: Told = field(default_factory=dict)  # for tests: said to every service

    def clients(self) -> tuple[Client, Client]:
        """Identity, as Suomi.fi and the staff's provider have it on file."""
        keys = f"{self.url}/identity/client/jwks.json"
        return (
            Client("videomottagning", f"{self.url}/identity/callback", keys),
            Client(
                "videomottagning-staff", f"{self.url}/identity/staff/callback", keys
            ),
        )


def told(around: Surroundings) -> Mapping[str, Told]:
    """Each service's environment."""
    own: Mapping[str, Callable[[Surroundings], Told]] = {
        "invitation": _invitation,
        "identity": _identity,
        "lobby": _lobby,
        "notifier": _notifier,
        "signalling": _signalling,
    }
    return {
        service: {**_common(around, service), **own[service](around), **around.more}
        for service in SERVICES
    }


def _common(around: Surroundings, service: str) -> Told:
    return {
        "DATABASE_URL": around.databases[service],
        "DATABASE_POOL": "4",
        "KAFKA_SERVERS": around.kafka,
        "KAFKA_FETCH_WAIT_MS": str(around.kafka_fetch_wait_ms),
        "PUBLIC_URL": around.url,
        "SESSION_KEYS_URL": f"{around.url}/identity/jwks.json",
        "DRAIN_SECONDS": "3",
    }


def _invitation(around: Surroundings) -> Told:
    return {
        "LINK_SECRET": around.secrets.link,
        "BOUNCE_ADDRESS": "bounces@example.com",
        "BOUNCE_SECRET": around.secrets.bounce,
        **_mail(around),
    }


def _mail(around: Surroundings) -> Told:
    return {
        "SMTP_URL": around.smtp_url,
        "SMTP_TLS": "never",
        "MAIL_FROM": "Videomottagning (test) <videomottagning@example.com>",
    }


def _identity(around: Surroundings) -> Told:
    return {
        "NATIONAL_ID_SECRET": around.secrets.national_id,
        "PERSON_SECRET": around.secrets.person,
        "SESSION_KEY": around.secrets.session_key,
        "TEST_PERSONS_ALLOWED": "true",
        **_provider(around, "OIDC", f"{around.idp_url}/suomifi", "videomottagning"),
        "OIDC_ENCRYPTION_KEY": around.secrets.oidc_encryption_key,
        "OIDC_ACR_VALUES": TEST_LEVEL,
        **_provider(
            around, "STAFF_OIDC", f"{around.idp_url}/staff", "videomottagning-staff"
        ),
        "STAFF_OIDC_ACR_VALUES": STAFF_LEVEL,
    }


def _provider(around: Surroundings, prefix: str, issuer: str, client: str) -> Told:
    return {
        f"{prefix}_ISSUER": issuer,
        f"{prefix}_CLIENT_ID": client,
        f"{prefix}_AUTHORIZATION_ENDPOINT": f"{issuer}/authorize",
        f"{prefix}_TOKEN_ENDPOINT": f"{issuer}/token",
        f"{prefix}_JWKS_URL": f"{issuer}/jwks",
        f"{prefix}_SIGNING_KEY": around.secrets.oidc_signing_key,
    }


def _lobby(around: Surroundings) -> Told:
    return {"ADMISSION_KEY": around.secrets.admission_key}


def _notifier(around: Surroundings) -> Told:
    return {
        **_mail(around),
        "VAPID_KEY": around.secrets.vapid_key,
        "SMS_URL": around.sms_url,
        "PLAIN_HTTP_ALLOWED": "true",
    }


def _signalling(around: Surroundings) -> Told:
    return {"ADMISSION_KEYS_URL": f"{around.url}/lobby/jwks.json"}


def assembled(
    around: Surroundings, clock: Clock = now
) -> Mapping[str, web.Application]:
    """The five applications, as their own processes would have them."""
    return {
        service: _assemble(service, environment, clock)
        for service, environment in told(around).items()
    }


def _assemble(service: str, environment: Told, clock: Clock) -> web.Application:
    kind = settings_of(service)
    values: dict[str, Any] = {
        name.lower(): value for name, value in environment.items()
    }
    app: web.Application = import_module(f"services.{service}.app").assemble(
        kind(**values), clock
    )
    return app


@asynccontextmanager
async def in_one_process(
    around: Surroundings, port: int, ops_port: int, clock: Clock = now
) -> AsyncIterator[Mapping[str, web.Application]]:
    """All five on one port, and their metrics on another."""
    services = assembled(around, clock)

    def obstacles() -> list[str]:
        """Of any service: the first that says no says it for all."""
        if not all(app[READY].is_set() for app in services.values()):
            return ["starting"]
        return [line for app in services.values() for line in in_the_way(app)]

    async with serve(operations(obstacles), ops_port), serve(door(services), port):
        yield services
