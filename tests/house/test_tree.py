"""Nothing of one machine, and no address of a registry, stands in the tree."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-dev.txt", "package-lock.json"]
OF_ONE_MACHINE = re.compile(r"(?<![\w.*])/(?:root|work|home/[a-z]+)/|/tmp/[a-z]+/")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git built this
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="ignore")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_registry(lock: str) -> None:
    assert "://" not in text(ROOT / lock)


@pytest.mark.parametrize("lock", LOCKS[:2])
def test_each_locked_package_has_its_hash(lock: str) -> None:
    for package in text(ROOT / lock).split("\n\n"):
        assert package.count("==") <= package.count("--hash=sha256:")


def test_no_file_names_a_folder_of_this_machine() -> None:
    named = {
        str(path.relative_to(ROOT)): found[0]
        for path in tracked()
        if (found := OF_ONE_MACHINE.findall(text(path)))
    }
    assert named == {}


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name.partition("-")[0] for path in decisions()]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_the_index_of_decisions_has_each_by_its_title() -> None:
    titles = [path.read_text("utf-8").partition("\n")[0] for path in decisions()]
    listed = [
        f"| {number} | [{title}]({path.name}) |"
        for path, head in zip(decisions(), titles, strict=True)
        for number, _, title in [head.removeprefix("# ").partition(". ")]
    ]
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8").splitlines()
    assert [line for line in index if line.startswith("| ") and "[" in line] == listed


def decisions() -> list[Path]:
    return sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))


def test_make_help_lists_every_command() -> None:
    listed = subprocess.run(
        ["make", "help"],  # noqa: S607 - whichever make is here
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    commands = {line.split()[1] for line in listed.splitlines()}
    assert commands >= {
        *("demo", "test", "check", "book", "contract", "up", "down", "bench"),
    }
