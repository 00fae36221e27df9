"""What each service's sign says it hears and says is what it does."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from inspect import getmembers, isclass
from pathlib import Path

import pytest
from aiohttp import web

from chassis.foundation import BUS
from contract.catalogue import CATALOGUE, SERVICES
from contract.envelope import Event

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "services"
PARTS = re.compile(r"^(Owns|Hears|Says|Start at)\s+", re.MULTILINE)
Applications = Mapping[str, web.Application]
each_service = pytest.mark.parametrize("service", SERVICES)


def sign(service: str, part: str) -> set[str]:
    """The topics of one part of the sign; `.cancelled` goes on as the one before it began."""
    text = importlib.import_module(f"services.{service}").__doc__ or ""
    parts = PARTS.split(text)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    return set(topics(told[part]))


def topics(told: str) -> Iterator[str]:
    subject = ""
    for each in re.findall(r"[a-z]*\.[a-z]+", told):
        subject = each.partition(".")[0] or subject
        yield f"{subject}.{each.partition('.')[2]}"


def said(service: str) -> set[str]:
    """The topics of the events that the service makes somewhere in its rooms."""
    own = importlib.import_module(f"contract.{service}") if spoken(service) else None
    events = {
        name: kind.topic
        for name, kind in getmembers(own, isclass)
        if issubclass(kind, Event) and hasattr(kind, "topic")
    }
    made = {
        node.id
        for path in (SERVICE / service).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name)
    }
    return {topic for name, topic in events.items() if name in made}


def spoken(service: str) -> set[str]:
    return {entry.event.topic for entry in CATALOGUE if entry.speaker == service}


@each_service
def test_a_service_hears_what_its_sign_says(
    service: str, applications: Applications
) -> None:
    assert applications[service][BUS].heard == sign(service, "Hears")


@each_service
def test_a_service_says_what_its_sign_says(service: str) -> None:
    assert said(service) == sign(service, "Says")


@each_service
def test_a_service_hears_what_the_catalogue_says(
    service: str, applications: Applications
) -> None:
    listed = {entry.event.topic for entry in CATALOGUE if service in entry.hearers}
    assert applications[service][BUS].heard == listed


@each_service
def test_a_service_says_nothing_that_the_catalogue_gives_to_another(
    service: str,
) -> None:
    assert said(service) <= spoken(service)


@each_service
def test_a_sign_says_where_to_start(service: str) -> None:
    text = importlib.import_module(f"services.{service}").__doc__ or ""
    (start,) = re.findall(r"^Start at\s+(\S+?),?(?:\s|$)", text, re.MULTILINE)
    assert (SERVICE / service / start).is_file() or (ROOT / start).is_file()
