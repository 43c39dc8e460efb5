"""Drift: how far the latest readings have moved away from the training data."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.artifact import Distribution, ModelCard
    from rookery.schemas.contract.contract import Contract
    from rookery.worker.inference.bisection import BatchResult
    from rookery.worker.observability.observer import BatchCompleted

LEAST_ROWS: Final = 200
"""Fewer readings say nothing: their index is noise."""

DRIFTED: Final = 0.25
"""The customary bound of a population stability index: above it is another population."""

_LEAST_SHARE: Final = 1e-4
"""The least share of a bin: an empty one would make the index infinite."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One feature, or the answer: its stability index over `rows` known values, None where they are too few.

    `missing` is the share of readings that lack it. One that is not `monitored` is shown and raises no alarm.
    """

    feature: str
    index: float | None
    rows: int
    missing: float = 0.0
    monitored: bool = True

    @property
    def drifted(self) -> bool:
        """Whether this is another population than the training's."""
        return self.index is not None and self.index > DRIFTED and self.monitored


class Drift:
    """Keeps the latest readings with their answers, and compares them with a card when asked; an observer of batches.

    `card` gives the model that answers now; readings of a model with other columns are forgotten when it begins to answer.
    Keeping costs a reference to the batch's arrays; comparing is left to a scrape. Any thread may keep, and any may ask.
    """

    def __init__(self, rows: int, card: Callable[[], ModelCard]) -> None:
        """Store the window's length in readings; it is empty."""
        self._rows = rows
        self._card = card
        self._contract: Contract | None = None
        self._kept: deque[tuple[NDArray[np.float32], NDArray[np.intp]]] = deque()
        self._count = 0
        # Adding to the count is no single step: two threads at once made it too high, and the window ran empty.
        self._lock = threading.Lock()

    def __call__(self, batch: BatchCompleted) -> None:
        """Keep what was answered of a batch."""
        for part in batch.parts:
            self.saw(part.rows, part.result)

    def saw(self, rows: NDArray[np.float32], result: BatchResult) -> None:
        """Keep what was answered of rows (n, features), NaN for missing; the arrays must not change later."""
        for first, run in result.runs:
            answered = rows[first : first + len(run.label_indices)]
            self.keep(answered, run.label_indices, run.contract.contract)

    def keep(
        self, rows: NDArray[np.float32], label_indices: NDArray[np.intp], contract: Contract | None = None
    ) -> None:
        """Keep readings (n, features) with the number of each one's label (n,); without a contract they are of the last one."""
        kept = self._kept
        with self._lock:
            if contract is not None and contract is not self._contract:
                if self._contract is not None and not _same_columns(contract, self._contract):
                    kept.clear()
                    self._count = 0
                self._contract = contract
            kept.append((rows, label_indices))
            self._count += len(rows)
            # Batches older than the window are dropped; the rest of the oldest one is cut off for a comparison.
            while self._count - len(kept[0][0]) >= self._rows:
                self._count -= len(kept.popleft()[0])

    def latest(self) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """The readings in the window (n, features), oldest first, and the numbers of their labels (n,)."""
        return self._latest(self._card().contract)

    def _latest(self, contract: Contract) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        with self._lock:
            kept = list(self._kept)
            own = self._contract is None or _same_columns(contract, self._contract)
        if not (kept and own):
            return np.empty((0, len(contract.features)), dtype=np.float32), np.empty(0, dtype=np.intp)
        rows, label_indices = (np.concatenate(each) for each in zip(*kept, strict=True))
        return rows[-self._rows :], label_indices[-self._rows :]

    @property
    def active(self) -> bool:
        """Whether the card of the model has a distribution to compare with; an adopted model's may have none."""
        return bool(self._card().distribution)

    def shifts(self) -> list[Shift]:
        """Compare with the training data each feature, and the mix of answers, whose distribution the card has."""
        card = self._card()
        rows, label_indices = self._latest(card.contract)
        found = [
            _shift(
                feature.name, rows[:, column], card.distribution[feature.name], monitored=feature.monitored
            )
            for column, feature in enumerate(card.contract.features)
            if feature.name in card.distribution
        ]
        if card.report is not None:
            known = card.report.label_counts
            mix = np.array([known.get(label, 0) / sum(known.values()) for label in card.labels])
            counts = np.bincount(label_indices, minlength=len(mix))[: len(mix)]
            found.append(Shift(card.contract.target, _index(mix, counts), len(rows)))
        return found


def _same_columns(one: Contract, other: Contract) -> bool:
    """Whether rows of one contract mean the same under another: features, codes and labels."""
    return one is other or (
        one.labels == other.labels
        and [(each.name, each.kind, each.categories, each.unit) for each in one.features]
        == [(each.name, each.kind, each.categories, each.unit) for each in other.features]
    )


def _shift(name: str, column: NDArray[np.float32], usual: Distribution, *, monitored: bool) -> Shift:
    known = column[~np.isnan(column)].astype(np.float64)
    bins = np.searchsorted(np.array(usual.edges), known, side="right")
    counts = np.bincount(bins, minlength=len(usual.shares))
    return Shift(
        feature=name,
        index=_index(usual.shares, counts),
        rows=len(known),
        missing=1 - len(known) / len(column) if len(column) else 0.0,
        monitored=monitored,
    )


def _index(expected: Sequence[float] | NDArray[np.float64], counts: NDArray[np.intp]) -> float | None:
    """The population stability index: the sum over bins of (actual - expected) * ln(actual / expected)."""
    rows = int(counts.sum())
    if rows < LEAST_ROWS:
        return None
    wanted = np.maximum(np.asarray(expected, dtype=np.float64), _LEAST_SHARE)
    actual = np.maximum(counts / rows, _LEAST_SHARE)
    return float(((actual - wanted) * np.log(actual / wanted)).sum())
