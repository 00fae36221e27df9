"""What the county's provider says of a professional, in our words."""

import pytest

from services.identity.oidc.tokens import Claims
from services.identity.staff_oidc import StaffClaims

PLAIN = StaffClaims("name", "units", {}, None, frozenset())
MAPPED = StaffClaims(
    name="name",
    units_claim="https://county.example/groups",
    units={"G-VIDEO-NORTH": "unit-1", "G-VIDEO-SOUTH": "unit-2"},
    roles_claim="realm_access.roles",
    roles=frozenset({"doctor", "nurse"}),
)


@pytest.mark.parametrize(
    ("claims", "units"),
    [
        ({"units": ["unit-1", "unit-2"]}, ("unit-1", "unit-2")),
        ({"units": "unit-1"}, ("unit-1",)),
        ({"units": ["unit-1", "unit-1"]}, ("unit-1",)),
        ({"units": [7, None, "", "unit-2"]}, ("unit-2",)),
        ({"units": {"unit-1": True}}, ()),
        ({}, ()),
    ],
)
def test_without_a_map_the_claim_holds_our_own_ids(
    claims: Claims, units: tuple[str, ...]
) -> None:
    assert PLAIN.units_of(claims) == units


def test_with_a_map_only_the_groups_in_it_are_units() -> None:
    claims = {
        "https://county.example/groups": ["G-VIDEO-SOUTH", "G-PRINTERS", "unit-1"],
        "realm_access": {"roles": ["nurse", "offline_access"]},
    }
    assert MAPPED.units_of(claims) == ("unit-2",)


@pytest.mark.parametrize(
    "roles",
    [None, {"roles": ["cleaner"]}, {"roles": []}, ["nurse"], "nurse", {"roles": "x"}],
)
def test_without_a_role_of_ours_nobody_has_a_unit(roles: object) -> None:
    claims = {
        "https://county.example/groups": ["G-VIDEO-NORTH"],
        "realm_access": roles,
    }
    assert MAPPED.units_of(claims) == ()


def test_a_claim_may_have_a_dot_in_its_name() -> None:
    dotted = StaffClaims("name", "county.units", {}, None, frozenset())
    assert dotted.units_of({"county.units": ["unit-1"]}) == ("unit-1",)
    assert dotted.units_of({"county": {"units": ["unit-2"]}}) == ("unit-2",)
