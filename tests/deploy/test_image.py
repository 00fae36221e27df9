"""The recipe of the images: nobody special runs in them, and what they are told is understood."""

import re

from chassis.settings import Settings
from tests.deploy.manifests import ROOT

RECIPE = (ROOT / "Dockerfile").read_text("utf-8")
LAST_STAGE = RECIPE.rpartition("\nFROM ")[2]


def test_the_last_stage_is_the_service() -> None:
    assert LAST_STAGE.startswith("ground AS service\n")


def test_a_nobody_runs_in_it() -> None:
    users = re.findall(r"^USER (\S+)", LAST_STAGE, re.MULTILINE)
    assert users[-1] == "10001:10001"


def test_only_what_the_lock_names_is_installed() -> None:
    installs = re.findall(r"pip install .*", RECIPE)
    assert installs
    assert all("--require-hashes" in each and "--no-deps" in each for each in installs)


def test_what_the_image_tells_a_service_is_understood() -> None:
    (told,) = re.findall(r"^ENV (SERVICE=(?:.*\\\n)*.*)", LAST_STAGE, re.MULTILINE)
    names = set(re.findall(r"(\w+)=", told)) - {"SERVICE"}
    assert names == {"HOST", "PORT", "OPS_HOST", "OPS_PORT"}
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_simulators_are_not_in_the_image_of_a_service() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", LAST_STAGE, re.MULTILINE)
    assert set(copied) == {
        *("contract", "chassis", "frontend", "services/__init__.py"),
        "services/${SERVICE}",
    }
