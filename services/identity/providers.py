"""The OpenID providers, made from the settings."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chassis.clock import Clock
from chassis.sessions import fetching
from services.identity.oidc.client import Client
from services.identity.oidc.keys import (
    Fetch,
    OwnKeys,
    ProviderKeys,
    Ring,
    fetching_signed,
    pinned,
    ring,
)
from services.identity.oidc.profile import Algorithms, Asking, Profile
from services.identity.session_doors import RETURN
from services.identity.settings import Settings, needed
from services.identity.staff_flows import StepUp
from services.identity.staff_oidc import StaffClaims, StaffProvider
from services.identity.suomifi_oidc import ClaimMap, SuomiFi


def encryption(settings: Settings) -> Ring:
    return ring(
        "enc",
        settings.oidc_encryption_key,
        settings.oidc_encryption_key_before,
        settings.oidc_encryption_key_next,
    )


def own(settings: Settings) -> OwnKeys:
    """Ours towards Suomi.fi or a broker."""
    signing = ring(
        "sig",
        needed(settings.oidc_signing_key),
        settings.oidc_signing_key_before,
        settings.oidc_signing_key_next,
    )
    return OwnKeys(signing, encryption(settings))


def staff_own(settings: Settings) -> OwnKeys:
    """The staff's provider sends a token that is signed and not encrypted."""
    signing = ring(
        "sig",
        settings.staff_oidc_signing_key,
        settings.staff_oidc_signing_key_before,
        settings.staff_oidc_signing_key_next,
    )
    return OwnKeys(signing)


def suomifi(settings: Settings, own: OwnKeys, clock: Clock) -> SuomiFi:
    claims = ClaimMap(
        national_id=settings.oidc_national_id_claim,
        names=tuple(settings.oidc_name_claims.split()),
        birth_date=settings.oidc_birth_date_claim,
    )
    keys = ProviderKeys(_fetch(settings, clock), clock)
    client = Client(_profile(settings), own, keys, clock, secrets.token_urlsafe)
    return SuomiFi(client, claims)


def staff(settings: Settings, own: OwnKeys, clock: Clock) -> StaffProvider:
    return _staff_provider(settings, _staff_profile(settings), own, clock)


def step_up(settings: Settings, own: OwnKeys, clock: Clock) -> StepUp | None:
    """The staff's provider asked once more, and insistently, for a higher level."""
    levels = tuple((settings.staff_oidc_step_up_acr or "").split())
    if not levels:
        return None
    profile = _staff_profile(settings)
    asking = replace(profile.asking, insists=True, prompt="login")
    higher = replace(profile, acr_values=levels, asking=asking)
    return StepUp(_staff_provider(settings, higher, own, clock), frozenset(levels))


def _staff_provider(
    settings: Settings, profile: Profile, own: OwnKeys, clock: Clock
) -> StaffProvider:
    keys = ProviderKeys(fetching(settings.staff_oidc_jwks_url), clock)
    claims = StaffClaims(
        name=settings.staff_oidc_name_claim,
        units_claim=settings.staff_oidc_units_claim,
        units=settings.staff_oidc_units,
        roles_claim=settings.staff_oidc_roles_claim,
        roles=frozenset(settings.staff_oidc_roles.split()),
    )
    client = Client(profile, own, keys, clock, secrets.token_urlsafe)
    return StaffProvider(client, claims)


def _staff_profile(settings: Settings) -> Profile:
    return Profile(
        issuer=settings.staff_oidc_issuer,
        client_id=settings.staff_oidc_client_id,
        authorization_endpoint=settings.staff_oidc_authorization_endpoint,
        token_endpoint=settings.staff_oidc_token_endpoint,
        redirect_uri=f"{settings.origin}/identity/staff/callback",
        scope=settings.staff_oidc_scope,
        acr_values=tuple((settings.staff_oidc_acr_values or "").split()),
        max_age=settings.staff_oidc_max_age,
        asking=Asking(
            pushed_to=settings.staff_oidc_par_endpoint, pkce=settings.staff_oidc_pkce
        ),
        end_session_endpoint=settings.staff_oidc_end_session_endpoint,
        after_logout=f"{settings.origin}/staff",
    )


def _profile(settings: Settings) -> Profile:
    issuer = needed(settings.oidc_issuer)
    to_issuer = settings.oidc_assertion_audience == "issuer"
    return Profile(
        issuer=issuer,
        client_id=needed(settings.oidc_client_id),
        authorization_endpoint=needed(settings.oidc_authorization_endpoint),
        token_endpoint=needed(settings.oidc_token_endpoint),
        redirect_uri=f"{settings.origin}/identity/callback",
        scope=settings.oidc_scope,
        acr_values=tuple(needed(settings.oidc_acr_values).split()),
        max_age=settings.oidc_max_age,
        asking=_asking(settings),
        algorithms=_algorithms(settings),
        cancelled=frozenset(settings.oidc_cancelled.split()),
        names_itself=settings.oidc_names_itself,
        assertion_audience=issuer if to_issuer else None,
        assertion_lasts=settings.oidc_assertion_seconds,
        end_session_endpoint=settings.oidc_end_session_endpoint,
        after_logout=f"{settings.origin}{RETURN}",
    )


def _asking(settings: Settings) -> Asking:
    return Asking(
        pushed_to=settings.oidc_par_endpoint,
        pkce=settings.oidc_pkce,
        max_age=settings.oidc_ask_max_age,
        prompt=settings.oidc_prompt,
        service_name=settings.oidc_service_name,
    )


def _algorithms(settings: Settings) -> Algorithms:
    return Algorithms(
        signatures=tuple(settings.oidc_signatures.split()),
        key_encryptions=tuple(settings.oidc_key_encryptions.split()),
        content_encryptions=tuple(settings.oidc_encryptions.split()),
        ours=settings.oidc_own_signature,
    )


def _fetch(settings: Settings, clock: Clock) -> Fetch:
    """Where the issuer's keys come from; by hand where that is set."""
    if settings.oidc_jwks is not None:
        return pinned(settings.oidc_jwks)
    url = settings.oidc_jwks_url or ""
    if settings.oidc_entity_keys is None:
        return fetching(url)
    issuer = needed(settings.oidc_issuer)
    return fetching_signed(url, settings.oidc_entity_keys, issuer, clock)


def published(settings: Settings) -> list[Mapping[str, Any]]:
    """Ours, for the world; one that serves towards both providers is published once."""
    keys = [encryption(settings).today.public, *staff_own(settings).public]
    if settings.upstream == "oidc":
        keys = [*own(settings).public, *keys]
    return list({(each["kid"], each["use"]): each for each in keys}.values())
