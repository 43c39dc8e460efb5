"""OutlierDetector: finds the rows that are out of distribution, in a few microseconds for a batch."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.worker.inference.whitening import Whitenings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.artifact import OutlierRule

MOST_PATTERN_BYTES: Final = 16 * 1024 * 1024
"""Bytes that the matrices of patterns take at most."""


class OutlierDetector:
    """Applies an artifact's OutlierRule to the rows of its model; safe for concurrent calls."""

    def __init__(self, rule: OutlierRule, names: Sequence[str]) -> None:
        """Prepare the rule for rows of these features; raises ValueError where it makes no sense."""
        self._columns = _columns([names.index(name) for name in rule.features])
        self._patterns = Whitenings(rule, most_bytes=MOST_PATTERN_BYTES)
        self._whole = self._patterns.of(np.ones(len(rule.features), dtype=np.bool_))

    # Values without bounds may overflow here; what is then no finite number is far.
    @np.errstate(over="ignore", invalid="ignore")
    def far(self, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return for rows (n, features) with NaN for missing whether each is out of distribution; one without measurements is."""
        measured = rows[:, self._columns]
        squared = self._whole.squared(measured)
        # NaN is the largest of all, and one missing measurement makes it.
        if not math.isnan(np.maximum.reduce(squared)):
            beyond: NDArray[np.bool_] = squared > self._whole.limit
            return beyond
        present = measured == measured  # noqa: PLR0124  only NaN differs from itself
        found = np.ones(len(rows), dtype=np.bool_)
        for chosen in _by_pattern(present):
            pattern = present[chosen[0]]
            if pattern.any():
                whitening = self._patterns.of(pattern)
                found[chosen] = whitening.far(measured[np.ix_(chosen, whitening.columns)])
        return found


def _columns(places: list[int]) -> slice | NDArray[np.intp]:
    """Choose columns by their places: as a view where they are neighbours, which is half as long as a copy."""
    first = places[0]
    if places == [*range(first, first + len(places))]:
        return slice(first, first + len(places))
    return np.array(places)


def _by_pattern(present: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Give the numbers of the rows (n, features) that have the same features, group by group."""
    codes = _codes(present)
    # Not np.unique, which imports numpy.ma: 1.5 MB, and a thirtieth of the start.
    order = codes.argsort()
    along = codes[order]
    bounds = [0, *(np.flatnonzero(along[1:] != along[:-1]) + 1).tolist(), len(along)]
    for begin, end in pairwise(bounds):
        yield order[begin:end]


def _codes(present: NDArray[np.bool_]) -> NDArray[np.float64] | NDArray[np.intp]:
    """A number for each row (n, features), the same for the same pattern."""
    width = present.shape[1]
    if width <= _EXACT_BITS:
        codes: NDArray[np.float64] = present @ 2.0 ** np.arange(width)
        return codes
    packed = np.packbits(np.ascontiguousarray(present), axis=1)
    known: dict[bytes, int] = {}
    rows = packed.view(f"V{packed.shape[1]}")[:, 0].tolist()
    return np.array([known.setdefault(row, len(known)) for row in rows])


_EXACT_BITS: Final = 53
"""Of a float64; a product with floats is BLAS's."""
