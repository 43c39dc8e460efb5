"""Stand-ins that keep the protocols' promises: a classifier by rule, a sink in memory, each with faults on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from rookery.schemas.contract.default import default_compiled
from rookery.worker.inference.classifier import Predictions
from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.worker.sinks.protocol import LineBlock

    Rows = NDArray[np.float32]


def first_label(rows: Rows) -> NDArray[np.intp]:
    """Answer each row with the first label."""
    return np.zeros(len(rows), dtype=np.intp)


class RuleClassifier:
    """Answers with the label that `rule` names of each row; fails on batches with a row that `fails_on` names."""

    model = "rule"

    def __init__(
        self,
        fails_on: Callable[[Rows], bool] | None = None,
        *,
        rule: Callable[[Rows], NDArray[np.intp]] = first_label,
        contract: CompiledContract | None = None,
        healthy: bool = True,
    ) -> None:
        """Store which single row, of shape (features,), makes a batch fail, and the contract (None: the default one)."""
        self.contract = contract or default_compiled()
        self._rule = rule
        self._fails_on = fails_on
        self._healthy = healthy
        self.calls: list[int] = []

    @property
    def classifier(self) -> RuleClassifier:
        """Itself: a rule is never replaced."""
        return self

    def classify(self, rows: Rows) -> Predictions:
        """Answer rows of shape (n, features)."""
        self.calls.append(len(rows))
        if self._fails_on is not None and any(self._fails_on(row) for row in rows):
            raise RuntimeError("a failing row")
        label_indices = self._rule(rows)
        return Predictions(
            contract=self.contract,
            probabilities=np.eye(len(self.contract.contract.labels), dtype=np.float32)[label_indices],
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
