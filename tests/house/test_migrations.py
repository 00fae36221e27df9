"""Migrations are numbered, and what has landed is never edited."""

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUMS = Path(__file__).with_name("migrations.sha256")
FOLDERS = [ROOT / "chassis/tables", *ROOT.glob("services/*/migrations")]
RENEW = "sha256sum chassis/tables/*.sql services/*/migrations/*.sql > tests/house/migrations.sha256"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_migrations_are_numbered_without_a_gap(folder: Path) -> None:
    numbers = sorted(path.name.partition("_")[0] for path in folder.glob("*.sql"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_a_migration_that_has_landed_is_never_edited() -> None:
    """A new one is added to the list; a line in it changes only before it has landed."""
    there = {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in FOLDERS
        for path in folder.glob("*.sql")
    }
    lines = SUMS.read_text("utf-8").splitlines()
    assert there == {name: digest for digest, name in map(str.split, lines)}, RENEW
