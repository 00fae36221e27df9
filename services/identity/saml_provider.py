"""Suomi.fi by SAML, made from the settings, and what it is to know of us."""

import secrets

from chassis.clock import Clock
from chassis.database import Database
from services.identity.saml.book import Book
from services.identity.saml.keys import OwnKeys, certificates, private_keys
from services.identity.saml.metadata import Contact, Entity, Texts, metadata
from services.identity.saml.response import Rules
from services.identity.settings import Settings, needed
from services.identity.suomifi_saml import ACS, ASKED, SLO, Places, SuomiFi


def suomifi(settings: Settings, database: Database, clock: Clock) -> SuomiFi:
    return SuomiFi(
        rules=_rules(settings),
        places=Places(
            needed(settings.saml_provider_sso_url), settings.saml_provider_slo_url
        ),
        own=_own(settings),
        slo=f"{settings.origin}{SLO}",
        book=Book(database, clock, secrets.token_urlsafe),
        clock=clock,
        chance=secrets.token_urlsafe,
    )


def _rules(settings: Settings) -> Rules:
    return Rules(
        issuer=needed(settings.saml_provider_entity_id),
        certificates=certificates(needed(settings.saml_provider_certificates)),
        audience=needed(settings.saml_entity_id),
        acs=f"{settings.origin}{ACS}",
        keys=_own(settings).opening,
        levels=tuple(settings.saml_levels.split()),
        skew=settings.saml_clock_skew,
        max_age=settings.saml_max_age,
    )


def _own(settings: Settings) -> OwnKeys:
    return OwnKeys(
        signing=private_keys(needed(settings.saml_signing_key))[0],
        opening=private_keys(needed(settings.saml_encryption_keys)),
        signing_certificates=certificates(needed(settings.saml_signing_certificates)),
        encryption_certificates=certificates(
            needed(settings.saml_encryption_certificates)
        ),
    )


def document(settings: Settings) -> bytes:
    """How Suomi.fi is to know us."""
    origin, keys = settings.origin, _own(settings)
    levels = settings.saml_levels.split()
    names = {str(each): text for each, text in settings.saml_names.items()}
    told = {str(each): text for each, text in settings.saml_descriptions.items()}
    privacy = {each: f"{origin}/privacy?lang={each}" for each in names}
    return metadata(
        Entity(
            entity_id=needed(settings.saml_entity_id),
            acs=f"{origin}{ACS}",
            slo=f"{origin}{SLO}",
            signing=keys.signing_certificates,
            encryption=keys.encryption_certificates,
            levels=levels,
            foreign=any("eidas.europa.eu" in each for each in levels),
            asked=ASKED,
            texts=Texts(names, told, privacy),
            contact=Contact(
                organisation=needed(settings.saml_organisation),
                url=origin,
                name=needed(settings.saml_contact_name),
                email=needed(settings.saml_contact_email),
            ),
        )
    )
