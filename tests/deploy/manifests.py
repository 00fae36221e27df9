"""The manifests as a cluster would get them, and the suite's settings as compose gives them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "k8s"
OVERLAYS = ("test", "production")
# Where neither kubectl nor kustomize is installed, Go builds this one from its module.
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
BUILDERS = {
    "kubectl": ("kubectl", "kustomize"),
    "kustomize": ("kustomize", "build"),
    "go": ("go", "run", KUSTOMIZE, "build"),
}

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Prepared:
    """Where `deploy.prepare` has put what it made."""

    secrets: Path
    env: Path


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Everything of an overlay; skips where it cannot be built."""
    text = _run([*_builder(), str(KUBERNETES / "overlays" / overlay)])
    return tuple(yaml.safe_load_all(text))


def of_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    return {
        each["metadata"]["name"]: each
        for each in rendered(overlay)
        if each["kind"] in kinds
    }


def pods(overlay: str) -> Iterator[tuple[str, Manifest]]:
    """Each pod that the overlay would start, by kind and name of its maker."""
    for each in rendered(overlay):
        if each["kind"] in ("Deployment", "Job"):
            name = f"{each['kind']} {each['metadata']['name']}"
            yield name, each["spec"]["template"]


def told_by_kubernetes(overlay: str, service: str) -> dict[str, str]:
    """The environment of a service, out of its ConfigMaps."""
    maps = of_kind(overlay, "ConfigMap")
    deployment = of_kind(overlay, "Deployment")[service]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    told: dict[str, str] = {}
    for source in container["envFrom"]:
        told |= maps[source["configMapRef"]["name"]].get("data", {})
    return told


@cache
def compose() -> Manifest:
    told: Manifest = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return told


def told_by_compose(service: str, env: Path) -> dict[str, str]:
    """The environment of a service, with what stands in this .env filled in."""
    values = dict(
        line.split("=", 1)
        for line in env.read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    told: Mapping[str, str] = compose()["services"][service]["environment"]
    return {name: _filled(text, values) for name, text in told.items()}


def _filled(text: str, values: Mapping[str, str]) -> str:
    """As compose does it, for the two forms we use: ${NAME:?} and ${NAME:-default}."""
    if not text.startswith("${"):
        return text
    name, _, rest = text.removeprefix("${").removesuffix("}").partition(":")
    if rest.startswith("-"):
        return values.get(name, rest[1:])
    return Template(f"${{{name}}}").substitute(values)


def _builder() -> tuple[str, ...]:
    for program, command in BUILDERS.items():
        if shutil.which(program):
            return command
    pytest.skip(
        "needs kubectl, kustomize or `apt-get install golang` for the manifests"
    )


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
