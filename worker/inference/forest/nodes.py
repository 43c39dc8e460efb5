"""Nodes: the nodes of all trees of a booster as flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.worker.inference.kernel.layout import DEPTH, UnsupportedForestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

LEAF: Final = -1
"""The left child of what has no children."""


class Nodes:
    """All nodes of all trees, as arrays; children and roots are indices into these.

    `left` (n,) is the left child, before the right one; `inner`, `split` (reached and inner), `categorical` and
    `goes_left` (where a value is missing) are bool; `value` is a threshold, or a leaf's answer.
    """

    def __init__(self, trees: Sequence[Mapping[str, Any]]) -> None:
        """Join trees that check_forest accepted; raises UnsupportedForestError."""
        self._trees = trees
        sizes = np.array([len(tree["left_children"]) for tree in trees])
        self.roots = np.cumsum(sizes) - sizes
        left = self._column("left_children").astype(np.int64)
        self.inner = left != LEAF
        self.left = left + np.repeat(self.roots, sizes)
        self.feature = self._column("split_indices").astype(np.int64)
        self.value = self._column("split_conditions").astype(np.float32)
        self.categorical = self._column("split_type").astype(np.bool_)
        self.goes_left = self._column("default_left").astype(np.bool_)
        self.split = np.zeros(len(left), dtype=np.bool_)
        self.depths = self._walked()
        numeric = self.split & ~self.categorical
        # Missing values are compared as minus infinity or as NaN: both must differ from the threshold.
        if not (self.value[numeric] > -np.inf).all():
            raise UnsupportedForestError("it splits at minus infinity, or at no number")

    def _column(self, name: str) -> NDArray[Any]:
        return np.concatenate([tree[name] for tree in self._trees])

    def _walked(self) -> NDArray[np.int64]:
        """Mark the reachable splits, and count each tree's levels, one where it is a single leaf."""
        depths = np.ones(len(self.roots), dtype=np.int64)
        trees, level = np.arange(len(self.roots)), self.roots
        for depth in range(DEPTH + 1):
            deeper = self.inner[level]
            trees, level = trees[deeper], level[deeper]
            if not len(level):
                return depths
            self.split[level] = True
            depths[trees] = depth + 1
            trees, level = np.tile(trees, 2), np.concatenate([self.left[level], self.left[level] + 1])
        raise UnsupportedForestError(f"a tree is deeper than {DEPTH} splits")

    def sets(self) -> Iterator[tuple[int, NDArray[np.int32]]]:
        """Give each reachable categorical split and the categories that go right."""
        for root, tree in zip(self.roots.tolist(), self._trees, strict=True):
            begins, sizes, categories = (tree[f"categories{end}"] for end in ("_segments", "_sizes", ""))
            for node, begin, size in zip(tree["categories_nodes"], begins, sizes, strict=True):
                if self.split[root + node]:
                    yield root + int(node), categories[begin : begin + size].astype(np.int32)

    def heaps(
        self, depth: int, columns: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Pad the trees of a depth d: the columns and thresholds (trees, 2^d - 1) that they compare, and leaves (trees, 2^d).

        A leaf above the last level is where all right turns below it end: its padding compares with minus infinity.
        """
        level = self.roots[self.depths == depth][:, None]
        compared, thresholds = [], []
        for _ in range(depth):
            inner = self.inner[level]
            compared.append(np.where(inner, columns[level], 0))
            at = np.where(self.categorical[level], np.float32(0), self.value[level])
            thresholds.append(np.where(inner, at, np.float32(-np.inf)))
            below = np.stack(
                [np.where(inner, self.left[level], level), np.where(inner, self.left[level] + 1, level)],
                axis=-1,
            )
            level = below.reshape(len(level), 2 * level.shape[1])
        return np.hstack(compared), np.hstack(thresholds), self.value[level]
