"""What a comparison found, and how it is shown."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

Figures = Mapping[str, float]
"""By name with its unit, as `mails a second`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One round or more of ours and of the floor; `held` says what was found true."""

    name: str
    what: str
    held: str
    ours: Sequence[Figures]
    floor: Sequence[Figures]


@dataclass(frozen=True, slots=True)
class Row:
    figure: str
    ours: float
    floor: float | None
    ratio: float | None


def rows(comparison: Comparison) -> Sequence[Row]:
    """Medians over the rounds, and the median of each round's ratio."""
    return [_row(comparison, figure) for figure in comparison.ours[0]]


def _row(comparison: Comparison, figure: str) -> Row:
    ours = [each[figure] for each in comparison.ours]
    if figure not in comparison.floor[0]:
        return Row(figure, median(ours), None, None)
    floor = [each[figure] for each in comparison.floor]
    ratios = [mine / least for mine, least in zip(ours, floor, strict=True)]
    return Row(figure, median(ours), median(floor), median(ratios))


def as_json(comparison: Comparison, ran_on: Sequence[str]) -> Mapping[str, object]:
    told = [asdict(each) for each in rows(comparison)]
    return {**asdict(comparison), "rows": told, "ran_on": list(ran_on)}


def as_table(comparison: Comparison, ran_on: Iterable[str]) -> str:
    lines = [
        f"**{comparison.what}** {comparison.held}",
        "",
        "| | ours | floor | ours / floor |",
        "|---|---|---|---|",
        *(_line(each) for each in rows(comparison)),
        "",
        f"Ran on {'; '.join(ran_on)}. Medians of {len(comparison.ours)} rounds.",
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    cells = [_number(row.ours), _number(row.floor), _number(row.ratio)]
    return f"| {row.figure} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def machine() -> Sequence[str]:
    cores = len(os.sched_getaffinity(0))
    return [
        f"{_processor()}, {cores} cores",
        f"load {os.getloadavg()[0]:.1f} before",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
    ]


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
