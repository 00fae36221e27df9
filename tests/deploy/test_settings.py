"""What compose and Kubernetes tell the services is what the services want to be told."""

from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from chassis.settings import read
from contract.catalogue import SERVICES
from deploy.prepare import OWN
from dev.reference import settings_of
from tests.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    Prepared,
    told_by_compose,
    told_by_kubernetes,
)

every_service = pytest.mark.parametrize("service", SERVICES)
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
FOLDER_OF_SECRETS = "SECRETS_DIR"


def known(service: str) -> set[str]:
    return {name.upper() for name in settings_of(service).model_fields}


def secret(service: str) -> set[str]:
    """The settings that must not stand where everybody reads them."""
    return {
        name
        for name, field in settings_of(service).model_fields.items()
        if "Secret" in repr(field.annotation) or field.annotation is SecretStr
    }


def accepts(
    service: str, told: dict[str, str], secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(FOLDER_OF_SECRETS, str(secrets / service))
    read(settings_of(service))


@every_service
def test_a_service_starts_with_what_compose_tells_it(
    service: str, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_by_compose(service, prepared.env)
    accepts(service, told, prepared.secrets, monkeypatch)


@every_overlay
@every_service
def test_a_service_starts_with_what_kubernetes_tells_it(
    overlay: str,
    service: str,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = told_by_kubernetes(overlay, service)
    accepts(service, told, prepared.secrets, monkeypatch)


@every_service
def test_compose_tells_a_service_nothing_that_it_does_not_know(
    service: str, prepared: Prepared
) -> None:
    told = set(told_by_compose(service, prepared.env))
    assert told - known(service) == {FOLDER_OF_SECRETS}


@every_overlay
@every_service
def test_kubernetes_tells_a_service_nothing_that_it_does_not_know(
    overlay: str, service: str
) -> None:
    told = set(told_by_kubernetes(overlay, service))
    assert told - known(service) == {FOLDER_OF_SECRETS}


@every_service
def test_no_secret_is_told_openly(service: str, prepared: Prepared) -> None:
    names = {name.upper() for name in secret(service)}
    assert not names & set(told_by_compose(service, prepared.env))
    for overlay in OVERLAYS:
        assert not names & set(told_by_kubernetes(overlay, service))


@every_service
def test_the_folder_of_secrets_holds_secrets_and_nothing_else(service: str) -> None:
    assert {"database_url", *OWN[service]} <= secret(service)


def test_the_example_for_kubernetes_names_every_secret() -> None:
    path = KUBERNETES / "overlays" / "production" / "secrets.example.yaml"
    example = {
        each["metadata"]["name"]: set(each["stringData"])
        for each in yaml.safe_load_all(path.read_text("utf-8"))
    }
    assert example == {each: {"database_url", *OWN[each]} for each in SERVICES}
