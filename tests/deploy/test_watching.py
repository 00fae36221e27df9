"""Rules and dashboards ask for metrics that exist, and the rules say what they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from chassis import metrics as common
from contract.catalogue import SERVICES
from dev.reference import metrics_module, metrics_of
from tests.deploy.manifests import ROOT, compose

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "videomottagning.json"
PAGE = ROOT / "docs" / "operations.md"
OURS = re.compile(rf"\b(?:chassis|{'|'.join(SERVICES)})_[a-z_]+\b")
SUFFIX = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "gauge": ("",),
}
PROMTOOL = shutil.which("promtool")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def existing() -> set[str]:
    modules = [common, *(metrics_module(service) for service in SERVICES)]
    return {
        name
        for module in modules
        for each in metrics_of(module)
        for name in series(each)
    }


def series(metric: MetricWrapperBase) -> Iterator[str]:
    (described,) = metric.describe()
    yield from (described.name + suffix for suffix in SUFFIX[described.type])


def test_every_metric_that_is_asked_for_exists() -> None:
    asked = {name for question in questions() for name in OURS.findall(question)}
    assert asked
    assert asked <= existing()


def test_every_alert_says_how_urgent_it_is_and_what_happened() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


def test_operations_can_read_what_to_do_about_each_alert() -> None:
    page = PAGE.read_text("utf-8")
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []


def test_every_service_is_scraped() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    (job,) = config["scrape_configs"]
    (names,) = job["dns_sd_configs"]
    assert set(names["names"]) == set(SERVICES)
    assert "prometheus" in compose()["services"]


@pytest.mark.skipif(PROMTOOL is None, reason="needs `apt-get install prometheus`")
@pytest.mark.parametrize(
    "asked",
    [("check", "config", "prometheus.yml"), ("test", "rules", "rules.test.yml")],
)
def test_prometheus_understands_it(asked: tuple[str, str, str]) -> None:
    command = [str(PROMTOOL), *asked[:2], str(PROMETHEUS / asked[2])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stdout + done.stderr
