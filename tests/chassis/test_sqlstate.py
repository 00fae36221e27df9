"""The whole table, condition by condition, as asyncpg knows PostgreSQL's appendix A."""

import re
from pathlib import Path

import pytest
from asyncpg import exceptions

from chassis.sqlstate import TABLE, Verdict, verdict

PAGE = Path(__file__).parents[2] / "docs" / "decisions"
AWAY, AGAIN, FAULT = Verdict.AWAY, Verdict.AGAIN, Verdict.FAULT
CODES = {
    kind.sqlstate
    for kind in vars(exceptions).values()
    if isinstance(kind, type)
    and issubclass(kind, exceptions.PostgresError)
    and getattr(kind, "sqlstate", None)
}
FAULTY = "03 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 27 2B 2D 2F 34 38 39 3B 44 54 HV P0"
ONE_BY_ONE = {
    "25000": FAULT,
    "25001": FAULT,
    "25002": FAULT,
    "25003": FAULT,
    "25004": FAULT,
    "25005": FAULT,
    "25006": AWAY,
    "25007": FAULT,
    "25008": FAULT,
    "25P01": FAULT,
    "25P02": FAULT,
    "25P03": AWAY,
    "25P04": AWAY,
    "26000": AGAIN,
    "3D000": AWAY,
    "3F000": AWAY,
    "42501": AWAY,
    "42703": AWAY,
    "42704": AWAY,
    "42883": AWAY,
    "42P01": AWAY,
    "42P10": AWAY,
    "55000": AWAY,
    "55006": AWAY,
    "55P02": FAULT,
    "55P03": AWAY,
    "55P04": FAULT,
}
BY_CLASS = {
    **dict.fromkeys(FAULTY.split(), FAULT),
    **dict.fromkeys(["08", "28", "53", "57", "58", "F0", "XX"], AWAY),
    "40": AGAIN,
    "42": FAULT,
    "72": AGAIN,
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_condition_is_sorted(code: str) -> None:
    expected = ONE_BY_ONE.get(code) or BY_CLASS[code[:2]]
    assert verdict(code) is expected


@pytest.mark.parametrize("code", ["", "ZZ999", "22"])
def test_what_nobody_knows_is_a_fault_so_that_nothing_waits_for_ever(code: str) -> None:
    assert verdict(code) is FAULT


def test_the_decision_holds_the_same_table() -> None:
    (page,) = PAGE.glob("*-sqlstate.md")
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (\w+) \|$", page.read_text("utf-8"), re.MULTILINE
    )
    assert dict(rows) == TABLE
