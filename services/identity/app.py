"""Identity, put together. Everything it needs is made or handed over here."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from aiohttp import web

from chassis.clock import Clock, now
from chassis.database import Database
from chassis.foundation import Foundation, Task
from chassis.sessions import KeySetDocument, SigningKey
from services.identity import guardian_provider, providers, saml_provider
from services.identity.acting import Acting
from services.identity.acts import Acts
from services.identity.appointments import Appointments
from services.identity.attempts import Attempts
from services.identity.echoes import Echoes
from services.identity.events import listen
from services.identity.flows import Visits
from services.identity.handover_doors import handover_doors
from services.identity.handovers import Handovers
from services.identity.landing import Landing
from services.identity.logout_doors import logout_doors
from services.identity.oidc.keys import Ring
from services.identity.pseudonyms import Pseudonyms, Register
from services.identity.saml_doors import Saml, saml_doors
from services.identity.session import Terms
from services.identity.session_doors import Farewells, session_doors
from services.identity.sessions import Sessions
from services.identity.settings import Settings
from services.identity.staff_flows import ProviderLogouts, StaffLogins
from services.identity.suomifi_oidc import SuomiFi
from services.identity.suomifi_saml import SuomiFi as SuomiFiBySaml
from services.identity.web import STATUSES, Keys, doors

HOUSEKEEPING = 3600.0


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    signing, *others = _session_keys(settings, clock)
    session = [each.public for each in (signing, *others)]

    async def session_keys() -> KeySetDocument:
        return {"keys": session}

    base = Foundation("identity", settings, clock, session_keys)
    staff_own = providers.staff_own(settings)
    register = _register(settings, providers.encryption(settings))
    attempts = Attempts(clock, secrets.token_urlsafe)
    appointments = Appointments(
        base.database, clock, register, guardian_provider.keeper(settings)
    )
    terms = _terms(settings)
    sessions = Sessions(base.database, clock, base.log, uuid4, signing, terms)
    acts = Acts(clock, secrets.token_urlsafe)
    guardians = guardian_provider.guardians(settings, clock, base.log)
    upstream = _suomifi(settings, base.database, clock)
    staff_upstream = providers.staff(settings, staff_own, clock)
    visits = Visits(
        database=base.database,
        outbox=base.outbox,
        clock=clock,
        log=base.log,
        attempts=attempts,
        upstream=upstream,
        register=register,
        sessions=sessions,
        age_limit=settings.guardian_age_limit,
        guardians=guardians,
        acts=acts,
    )
    acting = Acting(base.database, clock, acts, guardians, visits)
    staff = StaffLogins(
        database=base.database,
        clock=clock,
        log=base.log,
        attempts=attempts,
        upstream=staff_upstream,
        step_up=providers.step_up(settings, staff_own, clock),
        sessions=sessions,
    )
    providers_by_oidc = {"/identity": upstream, "/identity/staff": staff_upstream}
    logouts = {
        path: ProviderLogouts(base.database, clock, sessions, each)
        for path, each in providers_by_oidc.items()
        if not isinstance(each, SuomiFiBySaml)
    }
    listen(base.bus, appointments)
    keys = Keys(session, providers.published(settings))
    echoes = Echoes(base.database, clock)
    landing = Landing(base.keys, sessions, acting, echoes, clock, base.log)
    made = doors(visits, staff, keys, landing)
    session_doors(made, base.keys, sessions, Farewells(upstream, staff_upstream))
    handovers = Handovers(
        base.database, clock, base.keys, sessions, secrets.token_urlsafe
    )
    handover_doors(made, handovers, settings.origin, clock)
    logout_doors(made, logouts)
    rooms: list[Forgetful] = [appointments, sessions, *logouts.values()]
    if isinstance(upstream, SuomiFiBySaml):
        document = saml_provider.document(settings)
        saml_doors(made, Saml(upstream, visits, sessions, landing, document))
        rooms.append(upstream.book)
    return base.application(made, STATUSES, _keeping_house(rooms))


def _register(settings: Settings, encryption: Ring) -> Register:
    pseudonyms = Pseudonyms(
        settings.national_id_secret,
        settings.national_id_secret_before,
        settings.person_secret,
    )
    return Register(pseudonyms, encryption.opened, settings.test_persons_allowed)


def _session_keys(settings: Settings, clock: Clock) -> list[SigningKey]:
    """Today's first. Those before and after it are published beside it."""
    every = (
        settings.session_key,
        settings.session_key_before,
        settings.session_key_next,
    )
    return [SigningKey(each, settings.origin, clock) for each in every if each]


def _terms(settings: Settings) -> Terms:
    return Terms(
        token=settings.token_life,
        visit_after_end=settings.visit_after_end,
        staff=settings.staff_session,
        staff_idle=settings.staff_idle,
        warning=settings.session_warning,
        extension=settings.session_extension,
    )


def _suomifi(
    settings: Settings, database: Database, clock: Clock
) -> SuomiFi | SuomiFiBySaml:
    if settings.upstream == "saml":
        return saml_provider.suomifi(settings, database, clock)
    return providers.suomifi(settings, providers.own(settings), clock)


class Forgetful(Protocol):
    """A room that keeps nothing longer than it can matter."""

    async def forget(self) -> None: ...


def _keeping_house(rooms: Sequence[Forgetful]) -> Task:
    async def keep_house() -> None:
        while True:
            for room in rooms:
                await room.forget()
            await asyncio.sleep(HOUSEKEEPING)

    return keep_house
