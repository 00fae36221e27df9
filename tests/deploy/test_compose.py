"""compose.yaml is understood, and its containers have no more rights than they need."""

import shutil
import subprocess

import pytest

from contract.catalogue import SERVICES
from tests.deploy.manifests import ROOT, Prepared, compose

every_service = pytest.mark.parametrize("service", SERVICES)
NEIGHBOURS = {
    "postgres",
    "kafka",
    "topics",
    "proxy",
    "mailpit",
    "coturn",
    "prometheus",
    "grafana",
}


def engine() -> list[str] | None:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker"):
        asked = subprocess.run(
            ["docker", "compose", "version"],  # noqa: S607 - whichever docker is here
            capture_output=True,
            check=False,
        )
        return ["docker", "compose"] if asked.returncode == 0 else None
    return None


@pytest.mark.skipif(engine() is None, reason="needs `apt-get install docker-compose`")
def test_compose_understands_it(prepared: Prepared) -> None:
    command = [*(engine() or []), "--env-file", str(prepared.env), "config", "--quiet"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_whole_suite_is_there() -> None:
    services = compose()["services"]
    usual = {name for name, each in services.items() if "profiles" not in each}
    assert usual == {*SERVICES, *NEIGHBOURS}


def test_simulators_run_only_when_asked_for() -> None:
    assert compose()["services"]["idp"]["profiles"] == ["dev"]


@every_service
def test_a_service_writes_nothing_and_has_no_capability(service: str) -> None:
    container = compose()["services"][service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in container["security_opt"]
    assert "cap_add" not in container
    assert "ports" not in container


def test_nothing_listens_for_other_machines() -> None:
    """Until somebody decides to: the front door is opened by an override."""
    ports = [
        port
        for each in compose()["services"].values()
        for port in each.get("ports", [])
    ]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_only_the_services_reach_the_database() -> None:
    services = compose()["services"]
    assert services["postgres"]["networks"] == ["data"]
    assert compose()["networks"]["data"] == {"internal": True}
    reaching = {name for name, each in services.items() if "data" in each["networks"]}
    assert reaching == {*SERVICES, "postgres", "kafka", "topics"}


def test_every_image_has_a_version() -> None:
    for name, each in compose()["services"].items():
        image = each["image"]
        own = image.startswith("videomottagning/")
        assert own or (":" in image and not image.endswith(":latest")), name
