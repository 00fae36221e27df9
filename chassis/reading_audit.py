"""The audit at a terminal: `python -m services.<name> audit …`.

--appointment ID   what was done for an appointment
--person ID        what a person or a professional did, and what was done to them
--verify           does the chain hold? With --head, also up from a head noted elsewhere
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from chassis import audit
from chassis.database import Database, Reader


async def answer(database: Database, asked: Sequence[str]) -> tuple[list[str], int]:
    """Lines to print, and the exit status: 1 when the chain does not hold."""
    options = _parsed(asked)
    async with database.reading() as tx:
        if options.verify:
            return await _verified(tx, options.head)
        if options.appointment:
            found = await audit.of_appointment(tx, options.appointment)
        else:
            found = await audit.of_person(tx, options.person)
    return [json.dumps(each.told(), ensure_ascii=False) for each in found], 0


async def _verified(tx: Reader, noted: audit.Head | None) -> tuple[list[str], int]:
    try:
        head = await audit.verify(tx, noted)
    except audit.Broken as broken:
        return [str(broken)], 1
    return [f"The chain holds. Head: {head}"], 0


def _parsed(asked: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="audit", description="Read the audit, or verify it.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--appointment", metavar="ID")
    what.add_argument("--person", metavar="ID")
    what.add_argument("--verify", action="store_true")
    parser.add_argument("--head", metavar="NUMBER:HASH", type=_head)
    return parser.parse_args(asked)


def _head(text: str) -> audit.Head:
    number, _, hashed = text.partition(":")
    return audit.Head(int(number), bytes.fromhex(hashed))
