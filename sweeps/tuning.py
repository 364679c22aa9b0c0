"""Tuning a learning rate: tried outwards from a first one until the best lies inside.

Rates are powers of a factor. How good one is, some seeds say, by the steps that each takes to each
of several targets; None is: not reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: Steps to each target, of each seed.
Steps = list[list[int | None]]


def median(steps: Sequence[int | None]) -> float:
    """Return the median, infinite where the middle run has not arrived."""
    return float(np.median([np.inf if step is None else step for step in steps]))


def finite(numbers: Sequence[float]) -> list[float | None]:
    """Return the numbers with None in place of infinity, which JSON does not know."""
    return [None if not np.isfinite(number) else number for number in numbers]


def tune(
    attempt: Callable[[int, float], Steps],
    start: int,
    factor: float,
    margins: Sequence[int],
) -> list[dict[str, Any]]:
    """Try powers of `factor` outwards from `start` until each target's best lies inside the grid.

    `attempt` gets a power and the least median of the last target so far, infinite at first.
    Of the targets, each gets so many rates on either side of its best as `margins` says.
    """
    tried: dict[int, Steps] = {}

    def medians(power: int) -> list[float]:
        return [median(column) for column in zip(*tried[power], strict=True)]

    def best(target: int) -> int:
        return min(tried, key=lambda power: (medians(power)[target], power))

    missing = [start]
    while missing:
        power = min(missing, key=lambda power: (abs(power - start), power))
        tried[power] = attempt(power, min((medians(p)[-1] for p in tried), default=np.inf))
        low = min(best(i) - margin for i, margin in enumerate(margins))
        high = max(best(i) + margin for i, margin in enumerate(margins))
        missing = [p for p in range(high, low - 1, -1) if p not in tried]
    return [
        {"power": p, "rate": factor**p, "steps": tried[p], "medians": finite(medians(p))}
        for p in sorted(tried)
    ]


def best_power(grid: Sequence[dict[str, Any]], target: int = -1) -> int:
    """Return the power of the rate with the least median; the smaller of two equal ones."""
    reached = [entry for entry in grid if entry["medians"][target] is not None]
    return min(reached, key=lambda e: (e["medians"][target], e["power"]))["power"]
