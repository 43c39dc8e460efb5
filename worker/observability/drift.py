"""Drift: how far the latest readings have moved away from the training data."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.artifact import Distribution, ModelCard
    from rookery.worker.inference.bisection import BatchResult
    from rookery.worker.observability.observer import BatchCompleted

LEAST_ROWS: Final = 200
"""Fewer readings say nothing: their index is noise."""

DRIFTED: Final = 0.25
"""The customary bound of a population stability index: above it is another population."""

UNJUDGED: Final = frozenset({"year"})
"""Shown, but no alarm: that time goes by is no mistake."""

SPECIES: Final = "species"
"""The name of the mix of the model's answers among the features."""

_LEAST_SHARE: Final = 1e-4
"""The least share of a bin: an empty one would make the index infinite."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One feature (or the species): its stability index over `rows` known values, None where they are too few.

    `missing` is the share of readings that lack it.
    """

    feature: str
    index: float | None
    rows: int
    missing: float = 0.0

    @property
    def drifted(self) -> bool:
        """Whether this is another population than the training's."""
        return self.index is not None and self.index > DRIFTED and self.feature not in UNJUDGED


class Drift:
    """Keeps the latest readings with their answers, and compares them with a card when asked; an observer of batches.

    `card` gives the model that answers now. Keeping costs a reference to the batch's arrays; comparing is left to
    a scrape. Any thread may keep, and any may ask.
    """

    def __init__(self, rows: int, card: Callable[[], ModelCard]) -> None:
        """Store the window's length in readings; it is empty."""
        self._rows = rows
        self._card = card
        self._kept: deque[tuple[NDArray[np.float32], NDArray[np.intp]]] = deque()
        self._count = 0
        # Adding to the count is no single step: two threads at once made it too high, and the window ran empty.
        self._lock = threading.Lock()

    def __call__(self, batch: BatchCompleted) -> None:
        """Keep what was answered of a batch."""
        for part in batch.parts:
            self.saw(part.rows, part.result)

    def saw(self, rows: NDArray[np.float32], result: BatchResult) -> None:
        """Keep what was answered of rows (n, 7), NaN for missing; the arrays must not change later."""
        for first, run in result.runs:
            self.keep(rows[first : first + len(run.label_indices)], run.label_indices)

    def keep(self, rows: NDArray[np.float32], label_indices: NDArray[np.intp]) -> None:
        """Keep readings (n, 7) with the number of each one's species (n,)."""
        kept = self._kept
        with self._lock:
            kept.append((rows, label_indices))
            self._count += len(rows)
            # Batches older than the window are dropped; the rest of the oldest one is cut off for a comparison.
            while self._count - len(kept[0][0]) >= self._rows:
                self._count -= len(kept.popleft()[0])

    def latest(self) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """The readings in the window (n, 7), oldest first, and their species (n,)."""
        with self._lock:
            kept = list(self._kept)
        if not kept:
            return np.empty((0, len(FEATURES)), dtype=np.float32), np.empty(0, dtype=np.intp)
        rows, label_indices = (np.concatenate(each) for each in zip(*kept, strict=True))
        return rows[-self._rows :], label_indices[-self._rows :]

    def shifts(self) -> list[Shift]:
        """Compare each feature and the mix of species with the training data."""
        card = self._card()
        rows, label_indices = self.latest()
        found = [
            _shift(name, rows[:, column], card.distribution[name]) for column, name in enumerate(FEATURES)
        ]
        known = {} if card.report is None else card.report.label_counts
        mix = np.array([known.get(label, 0) / sum(known.values()) for label in card.labels])
        counts = np.bincount(label_indices, minlength=len(mix))[: len(mix)]
        return [*found, Shift(SPECIES, _index(mix, counts), len(rows))]


def _shift(name: str, column: NDArray[np.float32], usual: Distribution) -> Shift:
    known = column[~np.isnan(column)].astype(np.float64)
    bins = np.searchsorted(np.array(usual.edges), known, side="right")
    counts = np.bincount(bins, minlength=len(usual.shares))
    return Shift(
        feature=name,
        index=_index(usual.shares, counts),
        rows=len(known),
        missing=1 - len(known) / len(column) if len(column) else 0.0,
    )


def _index(expected: Sequence[float] | NDArray[np.float64], counts: NDArray[np.intp]) -> float | None:
    """The population stability index: the sum over bins of (actual - expected) * ln(actual / expected)."""
    rows = int(counts.sum())
    if rows < LEAST_ROWS:
        return None
    wanted = np.maximum(np.asarray(expected, dtype=np.float64), _LEAST_SHARE)
    actual = np.maximum(counts / rows, _LEAST_SHARE)
    return float(((actual - wanted) * np.log(actual / wanted)).sum())
