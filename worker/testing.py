"""Stand-ins that keep the protocols' promises: a classifier by rule, a sink in memory, each with faults on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.features import FEATURES
from rookery.schemas.reading import SPECIES
from rookery.worker.inference.classifier import Predictions
from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rookery.worker.sinks.protocol import LineBlock

FLIPPER: Final = FEATURES.index("flipper_length_mm")
BILL: Final = FEATURES.index("bill_length_mm")
LONG_FLIPPER: Final = 205
LONG_BILL: Final = 43


class RuleClassifier:
    """Long flippers are Gentoos, long bills Chinstraps; fails on batches with a row that `fails_on` names."""

    model = "rule"

    def __init__(
        self, fails_on: Callable[[NDArray[np.float32]], bool] | None = None, *, healthy: bool = True
    ) -> None:
        """Store which single row, of shape (features,), makes a batch fail."""
        self._fails_on = fails_on
        self._healthy = healthy
        self.calls: list[int] = []

    @property
    def classifier(self) -> RuleClassifier:
        """Itself: a rule is never replaced."""
        return self

    def classify(self, rows: NDArray[np.float32]) -> Predictions:
        """Answer rows of shape (n, features)."""
        self.calls.append(len(rows))
        if self._fails_on is not None and any(self._fails_on(row) for row in rows):
            raise RuntimeError("a failing row")
        label_indices = np.where(
            rows[:, FLIPPER] > LONG_FLIPPER, 2, np.where(rows[:, BILL] > LONG_BILL, 1, 0)
        ).astype(np.intp)
        return Predictions(
            labels=SPECIES,
            probabilities=np.eye(len(SPECIES), dtype=np.float32)[label_indices],
            label_indices=label_indices,
            out_of_distribution=np.zeros(len(rows), dtype=np.bool_),
            model=self.model,
        )

    def healthy(self) -> bool:
        """Whether a known reading would still be answered."""
        return self._healthy


class MemorySink:
    """Keeps blocks; refuses while `broken`, waits while `gate` is closed."""

    def __init__(self) -> None:
        """Start empty, whole and open."""
        self.blocks: list[LineBlock] = []
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    @property
    def lines(self) -> list[bytes]:
        """Every line kept, in order."""
        return [line for block in self.blocks for line in block.lines]

    async def write(self, block: LineBlock) -> None:
        """Keep a block once the gate is open; raises SinkUnavailableError while broken."""
        self.waiting.set()
        await self.gate.wait()
        if self.broken:
            raise SinkUnavailableError("the sink is broken on purpose")
        self.blocks.append(block)

    async def close(self) -> None:
        """Nothing to release."""
