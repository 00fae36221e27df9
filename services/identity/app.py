"""Identity, put together. Everything it needs is made or handed over here."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import web

from chassis.clock import Clock, now
from chassis.foundation import Foundation, Task
from chassis.sessions import KeySetDocument, SigningKey, fetching
from services.identity.events import listen
from services.identity.flows import (
    Appointments,
    Attempts,
    StaffLogins,
    Visits,
)
from services.identity.oidc import Client, OwnKey, OwnKeys, Profile, ProviderKeys
from services.identity.pseudonyms import Pseudonyms, Register
from services.identity.sessions import Sessions
from services.identity.settings import Settings
from services.identity.staff_oidc import StaffProvider
from services.identity.suomifi_oidc import ClaimMap, SuomiFi
from services.identity.web import STATUSES, Keys, Landing, doors

HOUSEKEEPING = 3600.0


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    signing = SigningKey(settings.session_key, settings.origin, clock)

    async def session_keys() -> KeySetDocument:
        return {"keys": [signing.public]}

    base = Foundation("identity", settings, clock, session_keys)
    encryption = OwnKey(settings.oidc_encryption_key, "enc")
    own = OwnKeys(OwnKey(settings.oidc_signing_key, "sig"), encryption)
    # The staff's provider sends a token that is signed and not encrypted.
    staff_own = OwnKeys(OwnKey(settings.staff_oidc_signing_key, "sig"))
    register = _register(settings, encryption)
    attempts = Attempts(clock, secrets.token_urlsafe)
    appointments = Appointments(base.database, clock, register)
    sessions = Sessions(base.database, clock, base.log, uuid4)
    visits = Visits(
        database=base.database,
        outbox=base.outbox,
        clock=clock,
        log=base.log,
        attempts=attempts,
        upstream=_suomifi(settings, own, clock),
        register=register,
        sessions=sessions,
        signing=signing,
        age_limit=settings.guardian_age_limit,
    )
    staff = StaffLogins(
        database=base.database,
        clock=clock,
        log=base.log,
        attempts=attempts,
        upstream=_staff_provider(settings, staff_own, clock),
        sessions=sessions,
        signing=signing,
    )
    listen(base.bus, appointments)
    keys = Keys([signing.public], _published(own, staff_own))
    landing = Landing(base.keys, clock, base.log)
    made = doors(visits, staff, sessions, keys, landing)
    return base.application(made, STATUSES, _keeping_house(appointments, sessions))


def _register(settings: Settings, encryption: OwnKey) -> Register:
    pseudonyms = Pseudonyms(
        settings.national_id_secret,
        settings.national_id_secret_before,
        settings.person_secret,
    )
    return Register(pseudonyms, encryption.opened, settings.test_persons_allowed)


def _published(*owns: OwnKeys) -> list[Mapping[str, Any]]:
    """One key may serve towards both providers; it is published once."""
    every = [each for own in owns for each in own.public]
    return list({(each["kid"], each["use"]): each for each in every}.values())


def _suomifi(settings: Settings, own: OwnKeys, clock: Clock) -> SuomiFi:
    profile = Profile(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        authorization_endpoint=settings.oidc_authorization_endpoint,
        token_endpoint=settings.oidc_token_endpoint,
        redirect_uri=f"{settings.origin}/identity/callback",
        scope=settings.oidc_scope,
        acr_values=tuple(settings.oidc_acr_values.split()),
        max_age=settings.oidc_max_age,
    )
    claims = ClaimMap(
        national_id=settings.oidc_national_id_claim,
        names=tuple(settings.oidc_name_claims.split()),
        birth_date=settings.oidc_birth_date_claim,
    )
    keys = ProviderKeys(fetching(settings.oidc_jwks_url), clock)
    return SuomiFi(Client(profile, own, keys, clock, secrets.token_urlsafe), claims)


def _staff_provider(settings: Settings, own: OwnKeys, clock: Clock) -> StaffProvider:
    profile = Profile(
        issuer=settings.staff_oidc_issuer,
        client_id=settings.staff_oidc_client_id,
        authorization_endpoint=settings.staff_oidc_authorization_endpoint,
        token_endpoint=settings.staff_oidc_token_endpoint,
        redirect_uri=f"{settings.origin}/identity/staff/callback",
        scope=settings.staff_oidc_scope,
        acr_values=tuple((settings.staff_oidc_acr_values or "").split()),
        max_age=settings.staff_oidc_max_age,
    )
    keys = ProviderKeys(fetching(settings.staff_oidc_jwks_url), clock)
    return StaffProvider(
        Client(profile, own, keys, clock, secrets.token_urlsafe),
        settings.staff_oidc_name_claim,
        settings.staff_oidc_units_claim,
    )


def _keeping_house(appointments: Appointments, sessions: Sessions) -> Task:
    async def keep_house() -> None:
        while True:
            await appointments.forget()
            await sessions.forget()
            await asyncio.sleep(HOUSEKEEPING)

    return keep_house
