"""Spread: a figure over the rounds of one run, and ratios of two figures that are formed round by round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the extremes of some rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """As it stands in a table: the median, and the extremes in brackets."""
        return f"{shown(self.median)} ({shown(self.low)} to {shown(self.high)})"


def spread(values: Iterable[float]) -> Spread:
    """Sum up values; raises ValueError where there are none."""
    every = list(values)
    if not every:
        raise ValueError("no round was measured")
    return Spread(median=statistics.median(every), low=min(every), high=max(every))


def ratio(above: Mapping[int, float], below: Mapping[int, float]) -> Spread:
    """Divide round by round, for only what was measured side by side may be compared; raises ValueError."""
    both = sorted(above.keys() & below.keys())
    return spread(above[each] / below[each] for each in both if below[each])


def shown(value: float) -> str:
    """Write a figure with as many digits as a noisy machine can mean."""
    for least, digits in ((100, 0), (10, 1), (0.095, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.2g}"
