"""Percentiles by nearest rank: every one is a value that occurred."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of sorted values that at least this share of them does not exceed; None where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def weighted_percentile(counts: Sequence[tuple[float, int]], share: float) -> float | None:
    """The same of sorted values, each with how often it occurred."""
    totals = list(accumulate(count for _, count in counts))
    return next(
        (value for (value, _), total in zip(counts, totals, strict=True) if total >= share * totals[-1]), None
    )
