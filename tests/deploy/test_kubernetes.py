"""The manifests are valid, and no container has a right that it does not need."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from chassis import bus, database
from contract.catalogue import SERVICES
from tests.deploy.manifests import KUBERNETES, OVERLAYS, of_kind, pods, rendered

OLDEST, NEWEST = "1.32", "1.37"
SERVICE = "app.kubernetes.io/name"
PART = "app.kubernetes.io/component"
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
every_service = pytest.mark.parametrize("service", SERVICES)


@every_overlay
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_manifest_is_what_kubernetes_takes(overlay: str, version: str) -> None:
    for each in rendered(overlay):
        kubernetes_validate.validate(dict(each), version, strict=True)


@every_overlay
def test_no_pod_has_more_rights_than_the_strictest_profile_gives(overlay: str) -> None:
    for name, pod in pods(overlay):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False, name
            assert rights["readOnlyRootFilesystem"] is True, name
            assert rights["capabilities"] == {"drop": ["ALL"]}, name


@every_overlay
def test_every_container_says_what_it_needs(overlay: str) -> None:
    for name, pod in pods(overlay):
        for container in pod["spec"]["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


@every_overlay
@every_service
def test_one_word_stands_for_a_service(overlay: str, service: str) -> None:
    for kind in ("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"):
        assert service in of_kind(overlay, kind)
    deployment = of_kind(overlay, "Deployment")[service]
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["name"] == spec["serviceAccountName"] == service
    assert container["image"].rpartition(":")[0].endswith(f"videomottagning/{service}")
    assert spec["volumes"][0]["secret"]["secretName"] == service


@every_overlay
def test_nothing_is_left_with_the_name_of_the_template(overlay: str) -> None:
    assert "service" not in {each["metadata"]["name"] for each in rendered(overlay)}


@every_overlay
@every_service
def test_health_is_asked_on_the_port_of_operations(overlay: str, service: str) -> None:
    deployment = of_kind(overlay, "Deployment")[service]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"web": 8080, "ops": 9090}
    assert container["livenessProbe"]["httpGet"] == {"path": "/live", "port": "ops"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "ops"}


@every_overlay
@every_service
def test_a_pod_is_given_time_to_finish(overlay: str, service: str) -> None:
    spec = of_kind(overlay, "Deployment")[service]["spec"]["template"]["spec"]
    suite = next(
        each for name, each in of_kind(overlay, "ConfigMap").items() if "suite" in name
    )
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = float(suite["data"]["DRAIN_SECONDS"])  # of requests, then of messages
    farewells = bus.FAREWELL_SECONDS + database.COMMAND_SECONDS
    needed = pause + drain + drain + farewells
    assert spec["terminationGracePeriodSeconds"] >= needed


@every_overlay
@every_service
def test_each_service_is_migrated_by_a_job(overlay: str, service: str) -> None:
    job = of_kind(overlay, "Job")[service]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate"]


@every_overlay
def test_a_job_topics_makes_the_topics(overlay: str) -> None:
    job = of_kind(overlay, "Job")["topics"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "chassis.topics"]


@every_overlay
@every_service
def test_requests_go_to_instances_and_not_to_jobs(overlay: str, service: str) -> None:
    wanted = {SERVICE: service, PART: "service"}
    spec = of_kind(overlay, "Service")[service]["spec"]
    budget = of_kind(overlay, "PodDisruptionBudget")[service]["spec"]
    assert spec["selector"] == budget["selector"]["matchLabels"] == wanted
    matching = [
        name
        for name, pod in pods(overlay)
        if wanted.items() <= pod["metadata"]["labels"].items()
    ]
    assert matching == [f"Deployment {service}"]


@every_overlay
@every_service
def test_each_service_has_its_part_of_the_one_origin(
    overlay: str, service: str
) -> None:
    (rule,) = of_kind(overlay, "Ingress")[service]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["path"] == ("/" if service == "lobby" else f"/{service}")
    assert path["backend"]["service"] == {"name": service, "port": {"name": "web"}}
    hosts = {
        each["spec"]["rules"][0]["host"]
        for each in of_kind(overlay, "Ingress").values()
    }
    assert len(hosts) == 1
    assert not rule["host"].endswith(".invalid")


@every_overlay
def test_both_ends_of_a_call_meet_and_no_link_is_logged(overlay: str) -> None:
    ingresses = of_kind(overlay, "Ingress")
    annotations = {
        name: each["metadata"]["annotations"] for name, each in ingresses.items()
    }
    assert annotations["signalling"]["haproxy.org/load-balance"] == "uri path-only"
    silence = annotations["lobby"]["haproxy.org/backend-config-snippet"]
    assert (
        silence.strip() == "http-request set-log-level silent if { path_beg /v/ /h/ }"
    )


def egress(overlay: str, labels: dict[str, str]) -> set[str]:
    """The policies that let this pod speak to somebody."""
    return {
        name
        for name, each in of_kind(overlay, "NetworkPolicy").items()
        if selects(each["spec"]["podSelector"], labels) and each["spec"].get("egress")
    }


def selects(selector: Any, labels: dict[str, str]) -> bool:
    return all(
        labels.get(key) == value
        for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", [])
    )


@every_overlay
def test_what_is_not_allowed_is_refused(overlay: str) -> None:
    nobody = of_kind(overlay, "NetworkPolicy")["nobody"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@every_overlay
def test_each_pod_speaks_to_those_it_needs(overlay: str) -> None:
    common = {"names", "postgres", "kafka"}
    needed = {
        "invitation": common | {"session-keys-asked", "mail"},
        "identity": common | {"identity-providers"},
        "lobby": common | {"session-keys-asked"},
        "notifier": common | {"session-keys-asked", "mail", "suppliers"},
        "signalling": common | {"session-keys-asked", "admission-keys-asked"},
    }
    for service in SERVICES:
        assert egress(overlay, {SERVICE: service, PART: "service"}) == needed[service]
        migration = {SERVICE: service, PART: "migration"}
        assert egress(overlay, migration) == {"names", "postgres"}
    assert egress(overlay, {SERVICE: "topics", PART: "topics"}) == {"names", "kafka"}


@every_overlay
def test_the_port_of_operations_is_for_monitoring_alone(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    open_to = {
        name
        for name, each in policies.items()
        for rule in each["spec"].get("ingress", [])
        if any(port["port"] == "ops" for port in rule.get("ports", [{"port": "ops"}]))
    }
    assert open_to == {"monitoring"}


@every_overlay
def test_no_secret_is_made_here(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == {}


def test_the_example_of_secrets_holds_none() -> None:
    path: Path = KUBERNETES / "overlays" / "production" / "secrets.example.yaml"
    for each in yaml.safe_load_all(path.read_text("utf-8")):
        kubernetes_validate.validate(each, NEWEST, strict=True)
        assert set(each["stringData"].values()) == {"REPLACE"}


def test_a_test_person_is_not_let_in_in_production() -> None:
    told = [
        each.get("data", {}) for each in of_kind("production", "ConfigMap").values()
    ]
    assert all("TEST_PERSONS_ALLOWED" not in each for each in told)
