"""Every way in says who may use it."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from chassis.foundation import DOORS
from chassis.web import Access
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


@pytest.mark.parametrize("service", SERVICES)
def test_each_route_says_who_may_use_it(
    service: str, applications: Mapping[str, web.Application]
) -> None:
    app = applications[service]
    declared = app[DOORS].access
    silent = [
        str(route)
        for route in app.router.routes()
        if not isinstance(declared.get(route.handler), Access)
    ]
    assert silent == []


@pytest.mark.parametrize("service", SERVICES)
def test_each_route_is_under_its_own_prefix_and_the_rest_is_the_lobbys(
    service: str, applications: Mapping[str, web.Application]
) -> None:
    resources = applications[service].router.resources()
    owners = {prefix_of(resource.canonical) for resource in resources}
    assert owners <= {service}


def prefix_of(path: str) -> str:
    first = path.split("/")[1]
    return first if first in SERVICES else "lobby"


def test_what_other_sites_may_post_to_is_listed_here(
    applications: Mapping[str, web.Application],
) -> None:
    """Each of these believes nothing but what the message itself proves."""
    assert paths_of(Access.PROVIDER, applications) == {
        "/identity/backchannel-logout",
        "/identity/staff/backchannel-logout",
    }


def test_what_programs_of_the_county_may_post_to_is_listed_here(
    applications: Mapping[str, web.Application],
) -> None:
    """Each of these asks for its key; no cookie opens it."""
    assert paths_of(Access.PROGRAM, applications) == {"/invitation/bounces"}


def paths_of(access: Access, applications: Mapping[str, web.Application]) -> set[str]:
    return {
        route.resource.canonical
        for app in applications.values()
        for route in app.router.routes()
        if app[DOORS].access.get(route.handler) is access and route.resource
    }
