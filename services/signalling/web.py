"""Signalling's one door."""

from collections.abc import Mapping

from chassis.refusal import Refusal
from chassis.web import Doors

STATUSES: Mapping[type[Refusal], int] = {}


def routes() -> Doors:
    return Doors()
