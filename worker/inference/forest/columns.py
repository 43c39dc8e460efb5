"""Columns: what the trees compare, made once for a block of rows: features, copies of them, and categorical splits.

A raw column is a feature as it is: where it is missing, no comparison holds and the row goes right. A left copy has
minus infinity there, which goes left. A categorical split's column is minus infinity or 0, and is compared with 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rookery.worker.inference.kernel.layout import UnsupportedForestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.worker.inference.forest.nodes import Nodes

SET_WORDS = 1 << 20
"""Words that the sets of categories take at most, 4 MB."""


@dataclass(frozen=True)
class CategoricalSplit:
    """A raw column, where a missing value goes, and the categories that go right, a bit for each."""

    raw: int
    missing_left: bool
    right: NDArray[np.uint32]


@dataclass(frozen=True)
class Columns:
    """`raw` (n,) features, `left` (m,) raw columns, the splits, and `of_node` (nodes,), the column that each compares."""

    raw: NDArray[np.int32]
    left: NDArray[np.int32]
    splits: tuple[CategoricalSplit, ...]
    of_node: NDArray[np.int32]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.raw) + len(self.left) + len(self.splits)


def columns_of(nodes: Nodes) -> Columns:
    """Choose the columns; raises UnsupportedForestError where the sets of categories are too large."""
    numeric = nodes.split & ~nodes.categorical
    to_left = numeric & nodes.goes_left
    features = np.flatnonzero(np.bincount(nodes.feature[nodes.split], minlength=1))
    # A forest of single leaves compares something, too.
    raw = features if len(features) else np.zeros(1, dtype=np.int64)
    left = np.searchsorted(raw, np.flatnonzero(np.bincount(nodes.feature[to_left], minlength=1)))
    of_node = np.zeros(len(nodes.left), dtype=np.int32)
    of_node[nodes.split] = np.searchsorted(raw, nodes.feature[nodes.split])
    of_node[to_left] = len(raw) + np.searchsorted(left, of_node[to_left])
    splits = _split_columns(nodes, of_node, first=len(raw) + len(left))
    return Columns(raw.astype(np.int32), left.astype(np.int32), splits, of_node)


def _split_columns(nodes: Nodes, of_node: NDArray[np.int32], *, first: int) -> tuple[CategoricalSplit, ...]:
    """Number the categorical splits, equal ones alike, and note the number at their nodes."""
    known: dict[tuple[int, bool, bytes], int] = {}
    splits: list[CategoricalSplit] = []
    words = 0
    for node, categories in nodes.sets():
        raw, missing_left = int(of_node[node]), bool(nodes.goes_left[node])
        right = np.zeros(int(categories.max()) // 32 + 1, dtype=np.uint32)
        np.bitwise_or.at(right, categories >> 5, np.uint32(1) << (categories & 31).astype(np.uint32))
        number = known.setdefault((raw, missing_left, right.tobytes()), len(splits))
        if number == len(splits):
            splits.append(CategoricalSplit(raw, missing_left, right))
            words += len(right)
        if words > SET_WORDS:
            raise UnsupportedForestError(f"its sets of categories take more than {SET_WORDS} words")
        of_node[node] = first + number
    return tuple(splits)
