"""Ways: what leads from the root of a tree to each of its leaves, as bounds on the values of a row."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray  # noqa: TC002  the dataclass's fields are listed at run time


@dataclass(frozen=True)
class Ways:
    """Of each way: its place in the level that it ends in, and bounds for each raw column.

    `low` <= value < `high`, `missing` where a missing value goes along, `asked` where the way asks for the column at
    all: (ways, raw columns). `allowed` (ways, candidates) has the categories that go along.
    """

    heap: NDArray[np.int64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    missing: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    allowed: NDArray[np.bool_]

    @classmethod
    def root(cls, raw: int, candidates: int) -> Ways:
        """Begin with the one way that leads to the root, which all rows go."""
        return cls(
            heap=np.zeros(1, dtype=np.int64),
            low=np.full((1, raw), -np.inf, dtype=np.float32),
            high=np.full((1, raw), np.inf, dtype=np.float32),
            missing=np.ones((1, raw), dtype=np.bool_),
            asked=np.zeros((1, raw), dtype=np.bool_),
            allowed=np.ones((1, candidates), dtype=np.bool_),
        )

    def parted(self) -> tuple[Ways, Ways]:
        """Copy them for the left and the right child of where each ends."""
        left, right = (
            Ways(**{each.name: getattr(self, each.name).copy() for each in fields(self)}) for _ in "lr"
        )
        left.heap[:] = 2 * self.heap
        right.heap[:] = 2 * self.heap + 1
        return left, right

    def joined(self, others: Ways, keep: NDArray[np.bool_]) -> Ways:
        """Join those of these that are to be kept with all others."""
        return Ways(
            **{
                each.name: np.concatenate([getattr(self, each.name)[keep], getattr(others, each.name)])
                for each in fields(self)
            }
        )
