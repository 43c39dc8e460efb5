"""Paths: the decision paths of a tree, as bounds on the values of a row."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray  # noqa: TC002  the dataclass's fields are listed at run time


@dataclass(frozen=True)
class Paths:
    """Each path's index in the level that it ends in, and its bounds for each raw column.

    `low` <= value < `high`, `missing` where a missing value goes along, `asked` where the path compares the column at
    all: (paths, raw columns). `allowed` (paths, candidates) has the categories that go along.
    """

    heap: NDArray[np.int64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    missing: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    allowed: NDArray[np.bool_]

    @classmethod
    def root(cls, raw: int, candidates: int) -> Paths:
        """Begin with the empty path to the root."""
        return cls(
            heap=np.zeros(1, dtype=np.int64),
            low=np.full((1, raw), -np.inf, dtype=np.float32),
            high=np.full((1, raw), np.inf, dtype=np.float32),
            missing=np.ones((1, raw), dtype=np.bool_),
            asked=np.zeros((1, raw), dtype=np.bool_),
            allowed=np.ones((1, candidates), dtype=np.bool_),
        )

    def parted(self) -> tuple[Paths, Paths]:
        """Copy them for the left and the right child of where each ends."""
        left, right = (
            Paths(**{each.name: getattr(self, each.name).copy() for each in fields(self)}) for _ in "lr"
        )
        left.heap[:] = 2 * self.heap
        right.heap[:] = 2 * self.heap + 1
        return left, right

    def joined(self, others: Paths, keep: NDArray[np.bool_]) -> Paths:
        """Join those of these that are to be kept with all others."""
        return Paths(
            **{
                each.name: np.concatenate([getattr(self, each.name)[keep], getattr(others, each.name)])
                for each in fields(self)
            }
        )
