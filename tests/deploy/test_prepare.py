"""The first run makes every secret, and the next ones leave them alone."""

import stat
from pathlib import Path

from contract.catalogue import SERVICES
from deploy.prepare import prepare
from tests.deploy.manifests import ROOT, Prepared


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_second_run_changes_nothing(prepared: Prepared) -> None:
    before = contents(prepared.secrets)
    assert prepare(prepared.secrets, prepared.env) == []
    assert contents(prepared.secrets) == before


def test_no_two_installations_share_a_secret(
    prepared: Prepared, tmp_path: Path
) -> None:
    prepare(tmp_path / "other", tmp_path / "env")
    ours, theirs = contents(prepared.secrets), contents(tmp_path / "other")
    assert ours.keys() == theirs.keys()
    same = {name for name in ours if ours[name] == theirs[name]}
    assert same == {
        ".gitignore",
        "invitation/smtp_url",
        "notifier/smtp_url",
    }


def test_only_the_owner_gets_at_the_secrets(prepared: Prepared) -> None:
    assert stat.S_IMODE(prepared.secrets.stat().st_mode) == stat.S_IRWXU


def test_each_role_has_the_password_that_its_service_uses(prepared: Prepared) -> None:
    for service in SERVICES:
        password = (prepared.secrets / "postgres" / service).read_text()
        address = (prepared.secrets / service / "database_url").read_text()
        assert address.startswith(f"postgresql://{service}:{password}@")


def test_secrets_stay_out_of_the_tree_and_of_the_images() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", ".secrets/"} <= set(ignored)
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line for line in sent if line and not line.startswith("#")]
    assert kept[0] == "*"
    assert not any(".secrets" in line or ".env" in line for line in kept)
