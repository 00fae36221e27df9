"""The notifier's doors."""

from collections.abc import Mapping

from chassis.refusal import Refusal
from chassis.web import Doors

STATUSES: Mapping[type[Refusal], int] = {}


def doors() -> Doors:
    return Doors()
