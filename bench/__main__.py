"""`python -m bench [NAME…]`: run comparisons, and print what they found.

With `--write` the tables of docs/benchmarks.md are written anew, with `--json FILE` all
that was measured is kept.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import call, mail
from bench.around import Around, servers
from bench.figures import Comparison, as_json, as_table, machine

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
Compare = Callable[[Around, int, int], Awaitable[Comparison]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What runs, and how much it does unless told otherwise."""

    compare: Compare
    size: int


COMPARISONS: Mapping[str, Measured] = {
    "call": Measured(call.compare, 50),
    "mail": Measured(mail.compare, 2000),
}


async def run(
    names: list[str], size: int | None, rounds: int
) -> list[tuple[Comparison, list[str]]]:
    found = []
    async with servers() as around:
        for name in names:
            measured = COMPARISONS[name]
            ran_on = [*machine(), *around.versions]
            compared = await measured.compare(around, size or measured.size, rounds)
            print(f"\n{as_table(compared, ran_on)}\n", flush=True)
            found.append((compared, ran_on))
    return found


def write(page: str, comparison: Comparison, table: str) -> str:
    """The page with this table between the comparison's markers."""
    begin, end = f"<!-- {comparison.name} -->", f"<!-- /{comparison.name} -->"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not between.search(page):
        raise SystemExit(f"docs/benchmarks.md has no {begin} … {end}")
    return between.sub(lambda _: f"{begin}\n{table}\n{end}", page)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(COMPARISONS)}")
    parser.add_argument("--size", type=int, help="how much, in place of the usual")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="a file for everything measured")
    parser.add_argument("--write", action="store_true", help="docs/benchmarks.md")
    given = parser.parse_args()
    if unknown := set(given.names) - set(COMPARISONS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    found = asyncio.run(run(given.names or list(COMPARISONS), given.size, given.rounds))
    if given.json:
        told = [as_json(comparison, ran_on) for comparison, ran_on in found]
        given.json.write_text(json.dumps(told, indent=2))
    if given.write:
        page = PAGE.read_text("utf-8")
        for comparison, ran_on in found:
            page = write(page, comparison, as_table(comparison, ran_on))
        PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
