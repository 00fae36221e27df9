"""`python -m services.notifier replay`: say again what a unit's system did not take.

A message keeps its id, so that a receiver who has it already knows. Times as in ISO 8601.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from random import SystemRandom
from uuid import UUID, uuid4

import uvloop

from chassis import logs
from chassis.clock import Clock, now
from chassis.database import Database
from chassis.migrations import migrate
from chassis.settings import read
from services.notifier.messages import Messages
from services.notifier.settings import NotifierSettings
from services.notifier.units import Units


def main(arguments: Sequence[str]) -> None:
    asked = _asked(arguments)
    settings = read(NotifierSettings)
    logs.set_up(settings.log_level)
    count = uvloop.run(replay(settings, asked, now))
    sys.stdout.write(f"{count} messages will be said again.\n")


async def replay(
    settings: NotifierSettings, asked: argparse.Namespace, clock: Clock
) -> int:
    database = Database(settings.database_url, "notifier", size=1)
    await database.open()
    try:
        await migrate(database, "services.notifier.migrations")
        messages = Messages(
            database=database,
            clock=clock,
            units=Units(),
            kept=settings.messages_kept,
            new_id=uuid4,
            chance=SystemRandom().random,
        )
        return await messages.replay(asked.unit, asked.since, asked.message)
    finally:
        await database.close()


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.notifier replay", description=__doc__
    )
    parser.add_argument("--unit", required=True, help="id of the unit")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--since", type=_moment, help="all that were written since then")
    what.add_argument(
        "--message",
        type=UUID,
        action="append",
        default=[],
        help="only this; may repeat",
    )
    asked = parser.parse_args(arguments)
    asked.since = asked.since or datetime.max.replace(tzinfo=UTC)
    return asked


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
