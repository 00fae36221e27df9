"""One word per service, everywhere."""

import importlib
from pathlib import Path

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


def manifests(kind: str) -> list[dict[str, object]]:
    """Every Kubernetes object of a kind in the base."""
    texts = [
        path.read_text("utf-8") for path in (ROOT / "deploy/k8s/base").glob("*.yaml")
    ]
    return [
        each
        for text in texts
        for each in yaml.safe_load_all(text)
        if each and each.get("kind") == kind
    ]


def test_the_folders_of_services_are_the_services() -> None:
    assert packages(ROOT / "services") == set(SERVICES)


def test_each_service_has_a_room_in_the_database() -> None:
    assert set(postgres.SERVICES) == set(SERVICES)


@each_service
def test_each_service_has_its_folder_of_tests(service: str) -> None:
    assert list((ROOT / "tests" / service).glob("test_*.py"))


@each_service
def test_each_service_has_its_container(service: str) -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    assert service in composed["services"]
    assert composed["services"][service]["build"]["args"]["SERVICE"] == service


@each_service
@pytest.mark.parametrize("kind", ["Deployment", "Service", "NetworkPolicy"])
def test_each_service_has_its_name_in_kubernetes(service: str, kind: str) -> None:
    names = [each["metadata"]["name"] for each in manifests(kind)]  # type: ignore[index]
    assert service in names


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
