"""Every way in says who may use it."""

import ast
from pathlib import Path

import pytest

from contract.catalogue import SERVICES

ROOT = Path(__file__).resolve().parents[2]
# How aiohttp is told of a route. `chassis.web.Doors` alone does that: it asks for the access.
OTHER_WAYS = {
    *("add_route", "add_routes", "add_get", "add_post", "add_put", "add_delete"),
    *("add_static", "add_view", "add_resource", "router", "RouteTableDef", "route"),
    *("add_subapp", "add_domain"),
}


def used(path: Path) -> set[str]:
    """The attributes that a module asks of anything."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_makes_no_route_but_through_doors(service: str) -> None:
    modules = (ROOT / "services" / service).rglob("*.py")
    around = {path.name: used(path) & OTHER_WAYS for path in modules}
    assert {name: ways for name, ways in around.items() if ways} == {}
