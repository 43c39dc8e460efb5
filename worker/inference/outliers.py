"""OutlierDetector: finds the rows that are out of distribution, in a few microseconds for a batch.

The distance to known readings by the measurements that a row has is one matrix product, its Whitening.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.artifact import OutlierRule

MOST_PATTERN_BYTES: Final = 16 * 1024 * 1024
"""Bytes that the matrices of patterns take at most."""


@dataclass(frozen=True, slots=True)
class Whitening:
    """One pattern's distance as one matrix product: squared Mahalanobis is the squared norm of white rows.

    `columns` (k,) of the measurements, `matrix` (clusters * k, k), `shift` (clusters * k, 1).
    """

    columns: NDArray[np.intp]
    matrix: NDArray[np.float32]
    shift: NDArray[np.float32]
    limit: float

    def squared(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The squared distance of rows (n, k) that have just this pattern's measurements; NaN where one lacks."""
        # A row a column: sums run along the long axis, which is six times faster for a thousand rows.
        white = self.matrix @ rows.T
        white -= self.shift
        white *= white
        # The ufuncs' own reductions: for a small batch the methods around them cost more than the sums.
        apart = np.add.reduce(white.reshape(-1, len(self.columns), len(rows)), axis=1)
        nearest: NDArray[np.float32] = np.minimum.reduce(apart, axis=0)
        return nearest

    def far(self, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return for rows (n, k) with just this pattern's measurements whether each is out of distribution."""
        within: NDArray[np.bool_] = self.squared(rows) <= self.limit
        # Not "greater": a distance that is no number, of values that overflow, is no small one.
        return ~within


class Whitenings:
    """The whitenings of a rule: those of the patterns that were met last, up to so many bytes; safe for concurrent calls.

    Twenty measurements have a million patterns: each is made when it is first met, and the one that was not asked for
    the longest goes.
    """

    def __init__(self, rule: OutlierRule, *, most_bytes: int) -> None:
        """Store the rule; raises ValueError where its clusters are not of its features."""
        self._covariances = np.array([cluster.covariance for cluster in rule.clusters])
        self._means = np.array([cluster.mean for cluster in rule.clusters])[:, :, None]
        width = len(rule.features)
        if self._covariances.shape[1:] != (width, width) or self._means.shape[1] != width:
            raise ValueError(f"its clusters are not of {width} features")
        self._limits = rule.limits
        self._by_count = rule.by == "count"
        self._most_bytes = most_bytes
        self._known: dict[bytes, Whitening] = {}
        self.bytes = 0
        self._lock = threading.Lock()

    def of(self, present: NDArray[np.bool_]) -> Whitening:
        """Return the whitening of a pattern (features,) of present measurements; raises LinAlgError."""
        key = present.tobytes()
        with self._lock:
            found = self._known.pop(key, None)
            if found is not None:
                self._known[key] = found
                return found
        # Two threads may make the same one: that costs less than one of them waiting for the other.
        made = self._made(present)
        with self._lock:
            if key not in self._known:
                self._known[key] = made
                self.bytes += made.matrix.nbytes
            while self.bytes > self._most_bytes and len(self._known) > 1:
                oldest = next(iter(self._known))
                self.bytes -= self._known.pop(oldest).matrix.nbytes
        return made

    def _made(self, present: NDArray[np.bool_]) -> Whitening:
        (columns,) = present.nonzero()
        matrices = np.linalg.inv(np.linalg.cholesky(self._covariances[:, columns[:, None], columns]))
        number = len(columns) if self._by_count else int((1 << columns).sum())
        return Whitening(
            columns=columns,
            matrix=matrices.reshape(-1, len(columns)).astype(np.float32),
            shift=(matrices @ self._means[:, columns]).reshape(-1, 1).astype(np.float32),
            limit=self._limits[number],
        )


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
