"""VerificationRows: rows on which a wrong program differs from its booster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.worker.inference.forest.paths import Paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.worker.inference.forest.program import ForestProgram

CANDIDATES: Final = 256
"""Categories of a feature that are tried, drawn at random where there are more."""

_SPECIAL: Final = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3.4e38, -3.4e38, 2.0**24, np.inf, -np.inf], dtype=np.float32
)
_SHARES: Final = {"pool": 0.5, "between": 0.3, "missing": 0.15, "special": 0.05}
_LOWEST: Final = np.float32(-np.inf)


class VerificationRows:
    """Makes rows from a program: drawn from its thresholds and their neighbours, or leading to each leaf of a tree."""

    def __init__(self, program: ForestProgram, *, seed: int = 0) -> None:
        """Collect the thresholds and the categories of each raw column."""
        self._program = program
        self._drawing = np.random.default_rng(seed)
        columns = program.columns
        self._raw = len(columns.raw)
        numeric = self._raw + len(columns.left)
        self._is_split = np.arange(columns.count) >= numeric
        # The raw column that each column is made of, and whether its comparison holds where that is missing.
        splits = [(each.raw, each.missing_left) for each in columns.splits]
        self._raw_of = np.array([*range(self._raw), *columns.left, *(raw for raw, _ in splits)])
        self._missing_left = np.array(
            [*[False] * self._raw, *[True] * len(columns.left), *(missing for _, missing in splits)]
        )
        self._pools: list[NDArray[np.float32]] = []
        self._fill_pools()
        self._candidates, self._candidate_of = self._categories()
        self._right = self._membership()

    def random(self, count: int) -> NDArray[np.float32]:
        """Draw rows (count, features): thresholds and their neighbours, values between, missing and extreme ones."""
        return self._rows(self._drawn(count))

    def of_tree(self, nth: int) -> NDArray[np.float32]:
        """Make three rows for each leaf that can be reached: at the lower and the upper end of its bounds, and missing.

        Both sides of each threshold and of each default are among them; columns that a path does not compare are random.
        """
        paths = self._paths(nth)
        drawn = self._drawn(len(paths.heap))
        below = np.nextafter(paths.high, _LOWEST)
        has_low, has_high = np.isfinite(paths.low), np.isfinite(paths.high)
        lower = np.where(has_low, paths.low, np.where(has_high, below, drawn))
        upper = np.where(has_high, below, np.where(has_low, paths.low, drawn))
        impossible = paths.low >= paths.high
        for raw in set(self._candidate_of.tolist()):
            own = self._candidate_of == raw
            values, fit = self._candidates[own], paths.allowed[:, own]
            asked = paths.asked[:, raw]
            lower[:, raw] = np.where(asked, values[fit.argmax(axis=1)], lower[:, raw])
            upper[:, raw] = np.where(asked, values[::-1][fit[:, ::-1].argmax(axis=1)], upper[:, raw])
            impossible[:, raw] |= ~fit.any(axis=1)
        lower[impossible] = upper[impossible] = np.nan
        missing = np.where(paths.missing & paths.asked, np.float32(np.nan), lower)
        return self._rows(np.concatenate([lower, upper, missing]))

    def _rows(self, columns: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put raw columns where their features are; the others, which no tree asks for, are missing."""
        rows = np.full((len(columns), self._program.features), np.nan, dtype=np.float32)
        rows[:, self._program.columns.raw] = columns
        return rows

    def _fill_pools(self) -> None:
        """Collect each raw column's thresholds and their neighbours."""
        compared, thresholds = [], []
        for nth in range(len(self._program.trees)):
            columns, values = self._program.comparisons(nth)
            compared.append(columns)
            thresholds.append(values)
        columns, values = np.concatenate(compared), np.concatenate(thresholds)
        real = np.isfinite(values) & ~self._is_split[columns]
        raw, values = self._raw_of[columns[real]], values[real]
        for nth in range(self._raw):
            own = values[raw == nth]
            self._pools.append(
                np.concatenate(
                    [own, np.nextafter(own, _LOWEST), np.nextafter(own, -_LOWEST), np.zeros(1, np.float32)]
                )
            )

    def _categories(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Choose the categories of each raw column that splits are tried with, one beyond them all among these."""
        largest: dict[int, int] = {}
        for split in self._program.columns.splits:
            largest[split.raw] = max(largest.get(split.raw, 0), 32 * len(split.right))
        chosen = {
            raw: np.arange(most + 1)
            if most <= CANDIDATES
            else np.append(self._drawing.integers(0, most, CANDIDATES), most)
            for raw, most in largest.items()
        }
        for raw, values in chosen.items():
            edges = [-1, 0.5, values[-1] - 0.5]
            self._pools[raw] = np.concatenate([values, edges, self._pools[raw]]).astype(np.float32)
        joined = np.concatenate(
            [np.zeros(0, np.float32), *(each.astype(np.float32) for each in chosen.values())]
        )
        return joined, np.repeat(np.array([*chosen], dtype=np.int64), [len(each) for each in chosen.values()])

    def _membership(self) -> NDArray[np.bool_]:
        """Say of each split (splits, candidates) which categories go right."""
        at = self._candidates.astype(np.int64)
        right = np.zeros((len(self._program.columns.splits), len(at)), dtype=np.bool_)
        for nth, split in enumerate(self._program.columns.splits):
            inside = (self._candidate_of == split.raw) & (at < 32 * len(split.right))
            word, bit = split.right[at[inside] >> 5], (at[inside] & 31).astype(np.uint32)
            right[nth, inside] = word >> bit & 1
        return right

    def _drawn(self, count: int) -> NDArray[np.float32]:
        """Draw raw columns (count, raw)."""
        values = np.empty((count, self._raw), dtype=np.float32)
        for raw, pool in enumerate(self._pools):
            finite = pool[np.abs(pool) < 1e37]  # noqa: PLR2004  what lies between must not overflow
            kinds = [
                self._drawing.choice(pool, count),
                self._drawing.uniform(finite.min() - 1, finite.max() + 1, count),
                np.full(count, np.nan),
                self._drawing.choice(_SPECIAL, count),
            ]
            which = self._drawing.choice(len(kinds), count, p=[*_SHARES.values()])
            values[:, raw] = np.choose(which, kinds)
        return values

    def _paths(self, nth: int) -> Paths:
        """Follow all paths of a tree at once, level by level."""
        depth, _ = self._program.trees[nth]
        columns, thresholds = self._program.comparisons(nth)
        paths = Paths.root(self._raw, len(self._candidates))
        for level in range(depth):
            nodes = 2**level - 1 + paths.heap
            paths = self._parted(paths, columns[nodes], thresholds[nodes])
        return paths

    def _parted(self, paths: Paths, columns: NDArray[np.int32], thresholds: NDArray[np.float32]) -> Paths:
        """Split each path in two where it compares these; padding, which compares with minus infinity, has no left."""
        at, raw = np.arange(len(columns)), self._raw_of[columns]
        padding = thresholds == _LOWEST
        left, right = paths.parted()
        numeric = np.flatnonzero(~self._is_split[columns] & ~padding)
        n, r = at[numeric], raw[numeric]
        left.high[n, r] = np.minimum(left.high[n, r], thresholds[numeric])
        right.low[n, r] = np.maximum(right.low[n, r], thresholds[numeric])
        for path in np.flatnonzero(self._is_split[columns]).tolist():
            own = self._candidate_of == raw[path]
            goes_right = self._right[columns[path] - len(self._is_split) + len(self._right)]
            left.allowed[path] &= ~(own & goes_right)
            right.allowed[path] &= ~own | goes_right
        split = np.flatnonzero(~padding)
        n, r = at[split], raw[split]
        left.missing[n, r] &= self._missing_left[columns[split]]
        right.missing[n, r] &= ~self._missing_left[columns[split]]
        left.asked[n, r] = right.asked[n, r] = True
        return left.joined(right, ~padding)
