"""Identity, put together. Everything it needs is made or handed over here."""

import secrets
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from aiohttp import web

from chassis.background import every, upkeep
from chassis.clock import Clock, now
from chassis.database import Database
from chassis.foundation import Foundation
from chassis.sessions import KeySetDocument, SigningKey
from chassis.web import Doors
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
from services.identity.logout_doors import logout_door
from services.identity.pseudonyms import Pseudonyms, Register
from services.identity.saml_doors import Saml, saml_doors
from services.identity.session import Terms
from services.identity.session_doors import Farewells, session_doors
from services.identity.sessions import Sessions
from services.identity.settings import Settings
from services.identity.staff_flows import ProviderLogouts, StaffLogins
from services.identity.staff_oidc import StaffProvider
from services.identity.suomifi_oidc import SuomiFi
from services.identity.suomifi_saml import SuomiFi as SuomiFiBySaml
from services.identity.upstream import Logouts
from services.identity.web import STATUSES, Keys, doors

HOUSEKEEPING = 3600.0


class Forgetful(Protocol):
    """A room that keeps nothing longer than it can matter."""

    async def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What visitors' and professionals' ways in both stand on."""

    settings: Settings
    base: Foundation
    attempts: Attempts
    sessions: Sessions


def assemble(settings: Settings, clock: Clock = now) -> web.Application:
    session = _session_keys(settings, clock)
    published = [each.public for each in session]

    async def session_keys() -> KeySetDocument:
        return {"keys": published}

    base = Foundation("identity", settings, clock, session_keys)
    ground = _ground(settings, base, session[0])
    register = _register(settings)
    appointments = Appointments(
        base.database, clock, register, guardian_provider.keeper(settings)
    )
    listen(base.bus, appointments)
    suomifi = _suomifi(settings, base.database, clock)
    visits, landing = _visits(ground, register, suomifi)
    staff_idp = providers.staff(settings, providers.staff_own(settings), clock)
    keys = Keys(published, providers.published(settings))
    made = doors(visits, _staff(ground, staff_idp), keys, landing)
    session_doors(made, base.keys, ground.sessions, Farewells(suomifi, staff_idp))
    handover_doors(made, _handovers(ground), settings.origin, clock)
    rooms: list[Forgetful] = [
        appointments,
        ground.sessions,
        _own_doors(made, ground, suomifi, visits, landing),
        _logouts(made, ground, "/identity/staff", staff_idp),
    ]
    forget = every(HOUSEKEEPING, *(room.forget for room in rooms))
    return base.application(made, STATUSES, upkeep("retention", forget))


def _ground(settings: Settings, base: Foundation, signing: SigningKey) -> Ground:
    attempts = Attempts(base.clock, secrets.token_urlsafe)
    sessions = Sessions(
        base.database, base.clock, base.log, uuid4, signing, _terms(settings)
    )
    return Ground(settings, base, attempts, sessions)


# Visitors, by Suomi.fi -------------------------------------------------------------


def _suomifi(
    settings: Settings, database: Database, clock: Clock
) -> SuomiFi | SuomiFiBySaml:
    if settings.upstream == "saml":
        return saml_provider.suomifi(settings, database, clock)
    return providers.suomifi(settings, providers.own(settings), clock)


def _visits(
    ground: Ground, register: Register, suomifi: SuomiFi | SuomiFiBySaml
) -> tuple[Visits, Landing]:
    settings, base, sessions = ground.settings, ground.base, ground.sessions
    acts = Acts(base.clock, secrets.token_urlsafe)
    guardians = guardian_provider.guardians(settings, base.clock, base.log)
    visits = Visits(
        database=base.database,
        outbox=base.outbox,
        clock=base.clock,
        log=base.log,
        attempts=ground.attempts,
        upstream=suomifi,
        register=register,
        sessions=sessions,
        age_limit=settings.guardian_age_limit,
        guardians=guardians,
        acts=acts,
    )
    acting = Acting(base.database, base.clock, acts, guardians, visits)
    echoes = Echoes(base.database, base.clock)
    return visits, Landing(base.keys, sessions, acting, echoes, base.clock, base.log)


def _handovers(ground: Ground) -> Handovers:
    base, chance = ground.base, secrets.token_urlsafe
    return Handovers(base.database, base.clock, base.keys, ground.sessions, chance)


def _own_doors(
    made: Doors,
    ground: Ground,
    suomifi: SuomiFi | SuomiFiBySaml,
    visits: Visits,
    landing: Landing,
) -> Forgetful:
    """The doors that Suomi.fi's protocol has of its own, and what they remember."""
    if not isinstance(suomifi, SuomiFiBySaml):
        return _logouts(made, ground, "/identity", suomifi)
    document = saml_provider.document(ground.settings)
    saml_doors(made, Saml(suomifi, visits, ground.sessions, landing, document))
    return suomifi.book


def _logouts(made: Doors, ground: Ground, path: str, provider: Logouts) -> Forgetful:
    base = ground.base
    logouts = ProviderLogouts(base.database, base.clock, ground.sessions, provider)
    logout_door(made, path, logouts)
    return logouts


# Professionals, by the county's provider -------------------------------------------


def _staff(ground: Ground, provider: StaffProvider) -> StaffLogins:
    settings, base = ground.settings, ground.base
    return StaffLogins(
        database=base.database,
        clock=base.clock,
        log=base.log,
        attempts=ground.attempts,
        upstream=provider,
        step_up=providers.step_up(settings, providers.staff_own(settings), base.clock),
        sessions=ground.sessions,
    )


# Read from the settings ------------------------------------------------------------


def _register(settings: Settings) -> Register:
    pseudonyms = Pseudonyms(
        settings.national_id_secret,
        settings.national_id_secret_before,
        settings.person_secret,
    )
    opened = providers.encryption(settings).opened
    return Register(pseudonyms, opened, settings.test_persons_allowed)


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
