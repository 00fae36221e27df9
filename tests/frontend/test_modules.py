"""The modules: typed, complete, and light enough for an old phone."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from tests.frontend.conftest import npm

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"
IMPORTED = re.compile(r"""^import [^;]*?from ['"]\./([\w-]+\.js)['"];""", re.MULTILINE)
LIGHT = 100_000  # bytes, compressed: the patient's whole path
WORKER = "push-worker.js"  # the browser asks for it when a person wants to be called
PATIENT_PAGES = ("start", "entry", "acting", "handover", "visit")


def needs(module: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The module and all that it imports, and what those import."""
    if module in known:
        return known
    known |= {module}
    for other in IMPORTED.findall((FRONTEND / module).read_text(encoding="utf-8")):
        known = needs(other, known)
    return known


@pytest.mark.usefixtures("packages")
def test_types_hold() -> None:
    done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
        [npm(), "run", "--silent", "types"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_nothing_is_left_unused() -> None:
    pages = "".join(
        path.read_text(encoding="utf-8") for path in FRONTEND.glob("pages/*.html")
    )
    started = re.findall(r"/([\w-]+\.js)\"", pages)
    used = frozenset[str]().union(*(needs(module) for module in [*started, WORKER]))
    assert {path.name for path in FRONTEND.glob("*.js")} == used


def test_no_module_silences_the_type_check() -> None:
    for path in FRONTEND.glob("*.js"):
        assert "@ts-" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("language", ["sv", "fi", "en"])
def test_the_patients_path_is_light(language: str) -> None:
    modules = frozenset[str]().union(
        *(needs(f"{page}.js") for page in PATIENT_PAGES), {"language.js"}
    )
    files = [
        *modules,
        "theme.css",
        "style.css",
        "icon.svg",
        "county.json",
        f"locales/{language}.json",
        "pages/base.html",
        *(f"pages/{page}.html" for page in PATIENT_PAGES),
    ]
    weight = sum(len(gzip.compress((FRONTEND / name).read_bytes())) for name in files)
    assert weight < LIGHT
