"""The rule of order is one piece, and every service uses it."""

import re
from pathlib import Path

import pytest

from contract.booking import Change
from contract.catalogue import CATALOGUE, SERVICES
from contract.slot import SlotEvent

ROOT = Path(__file__).resolve().parents[2]
OWN_RULE = re.compile(r"\.sequence\s*([<>]|==|!=)")


def python(service: str) -> dict[str, str]:
    """Without the SQL, which keeps the newest of two by what `Stamp` says."""
    folder = ROOT / "services" / service
    files = (each for each in folder.rglob("*.py") if "store" not in each.stem)
    return {each.name: each.read_text("utf-8") for each in files}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_orders_by_the_contract_and_by_no_rule_of_its_own(
    service: str,
) -> None:
    texts = python(service)
    assert any("from contract.appointment import" in each for each in texts.values())
    assert [name for name, each in texts.items() if OWN_RULE.search(each)] == []


def test_each_event_that_is_no_change_can_name_its_slot() -> None:
    others = [each.event for each in CATALOGUE if not issubclass(each.event, Change)]
    assert [each for each in others if not issubclass(each, SlotEvent)] == []
