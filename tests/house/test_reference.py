"""Every setting, metric and refusal stands in the documents."""

from datetime import timedelta
from pathlib import Path

import pytest

from chassis import inbox
from chassis.bus import FAILING
from chassis.refusal import Refusal
from contract.catalogue import CATALOGUE, SERVICES
from contract.guide import REASONS
from dev import reference

each_service = pytest.mark.parametrize("service", SERVICES)


@pytest.mark.parametrize("path", reference.PAGES, ids=lambda path: path.name)
def test_a_reference_page_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == reference.PAGES[path](), "make docs"


def test_each_refusal_says_what_it_means() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in reference.refusals_page().splitlines()
        if line.startswith("| `")
    ]
    assert [code for _, code, _, meaning, *_ in rows if not meaning] == []


@each_service
def test_each_setting_says_what_it_means(service: str) -> None:
    fields = reference.settings_of(service).model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@each_service
def test_each_metric_says_what_it_means(service: str) -> None:
    made = reference.metrics_of(reference.metrics_module(service))
    assert all(family.documentation for each in made for family in each.describe())


def test_no_secret_has_a_default() -> None:
    kinds = map(reference.settings_of, SERVICES)
    defaults = {
        name: field.default
        for kind in kinds
        for name, field in kind.model_fields.items()
        if "SecretStr" in str(field.annotation) and not field.is_required()
    }
    assert {name: value for name, value in defaults.items() if value is not None} == {}


def test_a_code_means_one_status_everywhere() -> None:
    told: dict[str, set[int]] = {}
    for service in ("chassis", *SERVICES):
        for kind, status in reference.statuses_of(service).items():
            told.setdefault(kind.code, set()).add(status)
    assert {code: each for code, each in told.items() if len(each) > 1} == {}


def test_no_two_refusals_of_a_service_share_a_code() -> None:
    for service in SERVICES:
        codes = [kind.code for kind in _defined_in(service)]
        assert sorted(set(codes)) == sorted(codes)


def _defined_in(service: str) -> list[type[Refusal]]:
    def below(kind: type[Refusal]) -> list[type[Refusal]]:
        return [kind, *(each for sub in kind.__subclasses__() for each in below(sub))]

    return [
        kind
        for kind in below(Refusal)
        if kind.__module__.startswith(f"services.{service}.") and hasattr(kind, "code")
    ]


def test_the_page_of_events_explains_why_a_failing_message_is_parked() -> None:
    assert FAILING in REASONS


def test_an_inbox_remembers_longer_than_kafka_keeps() -> None:
    longest = max(entry.kept for entry in CATALOGUE)
    assert timedelta(days=inbox.KEPT_DAYS) > longest
