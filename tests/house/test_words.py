"""One word per service, everywhere."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.catalogue import SERVICES
from dev import postgres, reference

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [
    *("app", "domain", "events", "flows", "metrics"),
    *("migrations", "settings", "store", "web"),
]
each_service = pytest.mark.parametrize("service", SERVICES)


def packages(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("*/__init__.py")}


def written(path: str) -> dict[str, Any]:
    """A YAML file of the tree."""
    told: dict[str, Any] = yaml.safe_load((ROOT / path).read_text("utf-8"))
    return told


def test_the_folders_of_services_are_the_services() -> None:
    assert packages(ROOT / "services") == set(SERVICES)


def test_each_service_has_a_room_in_the_database() -> None:
    assert set(postgres.SERVICES) == set(SERVICES)


@each_service
def test_each_service_has_its_folder_of_tests(service: str) -> None:
    assert list((ROOT / "tests" / service).glob("test_*.py"))


@each_service
def test_each_service_has_its_container(service: str) -> None:
    container = written("compose.yaml")["services"][service]
    assert container["build"]["args"]["SERVICE"] == service
    assert container["image"] == f"videomottagning/{service}"


@each_service
def test_each_service_has_its_name_in_kubernetes(service: str) -> None:
    own = written(f"deploy/k8s/base/{service}/kustomization.yaml")
    changes = [
        change for patch in own["patches"] for change in yaml.safe_load(patch["patch"])
    ]
    names = {
        change["value"] for change in changes if change["path"].endswith("/name")
    } | {name for pair in own["labels"] for name in pair["pairs"].values()}
    assert names == {service}
    assert service in written("deploy/k8s/base/kustomization.yaml")["resources"]


@each_service
def test_each_metric_begins_with_its_service(service: str) -> None:
    names = [
        reference.name_of(each)
        for each in reference.metrics_of(reference.metrics_module(service))
    ]
    assert [name for name in names if not name.startswith(f"{service}_")] == []


@each_service
def test_each_service_has_the_same_rooms(service: str) -> None:
    for room in ROOMS:
        importlib.import_module(f"services.{service}.{room}")
