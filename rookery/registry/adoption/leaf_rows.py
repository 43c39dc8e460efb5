"""Leaf rows: rows that reach the leaves of a booster's trees, made from the trees alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.training.leaves import leaf_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import xgboost
    from numpy.typing import NDArray

    Tree = Mapping[str, Any]

DRAWN: Final = 512
"""Rows that are drawn from the thresholds before any is made for a leaf."""

MISSING_SHARE: Final = 0.15
_LEAF: Final = -1
_INFINITY: Final = np.float32(np.inf)


def leaf_rows(
    booster: xgboost.Booster, trees: Sequence[Tree], known: NDArray[np.float32], *, seed: int
) -> NDArray[np.float32]:
    """Rows (n, features) that with the known ones reach every leaf that can be reached: drawn ones, and one for each leaf left."""
    chance = np.random.default_rng(seed)
    pools = _pools(trees, known.shape[1])
    drawn = _drawn(pools, DRAWN, chance)
    reached = leaf_nodes(booster, np.vstack([known, drawn]))
    made = [
        row
        for tree, nodes in zip(trees, reached.T, strict=True)
        for row in _made(tree, {*nodes.tolist()}, drawn, chance)
    ]
    return np.vstack([drawn, *made]) if made else drawn


def _pools(trees: Sequence[Tree], width: int) -> list[NDArray[np.float32]]:
    """For each feature the values next to its thresholds and between them, or its categories."""
    found: list[list[Any]] = [[] for _ in range(width)]
    codes: dict[int, set[int]] = {}
    for tree in trees:
        inner = tree["left_children"] != _LEAF
        numeric = inner & (tree["split_type"] == 0)
        for feature in np.unique(tree["split_indices"][numeric]).tolist():
            own = numeric & (tree["split_indices"] == feature)
            found[feature].append(tree["split_conditions"][own].astype(np.float32))
        for node, categories in _sets(tree).items():
            # One that follows may be in no set.
            codes.setdefault(int(tree["split_indices"][node]), set()).update(categories, categories + 1)
    pools = [_values(np.concatenate(each)) if each else np.zeros(1, np.float32) for each in found]
    for feature, known in codes.items():
        pools[feature] = np.array(sorted(known), dtype=np.float32)
    return pools


def _values(thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.unique(thresholds)
    between = known[:-1] / 2 + known[1:] / 2
    return np.unique(np.concatenate([known, np.nextafter(known, -_INFINITY), between]))


def _sets(tree: Tree) -> dict[int, NDArray[np.int64]]:
    """The categories that go right, by the node that splits by them."""
    begins, sizes, categories = (tree[f"categories{end}"] for end in ("_segments", "_sizes", ""))
    return {
        int(node): categories[begin : begin + size].astype(np.int64)
        for node, begin, size in zip(tree["categories_nodes"], begins, sizes, strict=True)
    }


def _drawn(
    pools: Sequence[NDArray[np.float32]], count: int, chance: np.random.Generator
) -> NDArray[np.float32]:
    rows = np.column_stack([chance.choice(pool, count) for pool in pools]).astype(np.float32)
    rows[chance.random(rows.shape) < MISSING_SHARE] = np.nan
    return rows


def _made(
    tree: Tree, reached: set[int], drawn: NDArray[np.float32], chance: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """A row for each leaf that no row has reached yet and that can be reached."""
    sets = _sets(tree)
    for leaf in _leaves(tree):
        if leaf in reached:
            continue
        row = drawn[chance.integers(len(drawn))].copy()
        if _Path(tree, sets, leaf).lead(row):
            yield row[None]


def _leaves(tree: Tree) -> list[int]:
    """The leaves that there is a way to; pruning leaves nodes behind that none leads to."""
    left = tree["left_children"]
    found, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        if left[node] == _LEAF:
            found.append(node)
        else:
            waiting += [int(left[node]), int(tree["right_children"][node])]
    return sorted(found)


class _Path:
    """The conditions on the way to a leaf, by feature."""

    def __init__(self, tree: Tree, sets: Mapping[int, NDArray[np.int64]], leaf: int) -> None:
        self._low: dict[int, np.float32] = {}
        self._high: dict[int, np.float32] = {}
        self._within: dict[int, set[int]] = {}
        self._without: dict[int, set[int]] = {}
        self._missing: dict[int, bool] = {}
        node = leaf
        while node:
            above = int(tree["parents"][node])
            self._add(tree, sets, above, is_left=int(tree["left_children"][above]) == node)
            node = above

    def _add(self, tree: Tree, sets: Mapping[int, NDArray[np.int64]], node: int, *, is_left: bool) -> None:
        feature = int(tree["split_indices"][node])
        goes_left = bool(tree["default_left"][node])
        self._missing[feature] = self._missing.get(feature, True) and goes_left == is_left
        if tree["split_type"][node]:
            right = {*sets[node].tolist()}
            if is_left:
                self._without[feature] = self._without.get(feature, set()) | right
            else:
                self._within[feature] = self._within.get(feature, right) & right
        elif is_left:
            at = np.float32(tree["split_conditions"][node])
            self._high[feature] = min(self._high.get(feature, _INFINITY), at)
        else:
            at = np.float32(tree["split_conditions"][node])
            self._low[feature] = max(self._low.get(feature, -_INFINITY), at)

    def lead(self, row: NDArray[np.float32]) -> bool:
        """Change a row so that it reaches the leaf; False where none can."""
        for feature, may_miss in self._missing.items():
            value = self._value(feature)
            if value is None and not may_miss:
                return False
            row[feature] = np.nan if value is None else value
        return True

    def _value(self, feature: int) -> float | None:
        if feature in self._within or feature in self._without:
            return self._category(feature)
        low, high = self._low.get(feature, -_INFINITY), self._high.get(feature, _INFINITY)
        if not low < high:
            return None
        # A value at the lower bound goes right, one just below the upper bound goes left.
        return float(low) if np.isfinite(low) else float(np.nextafter(high, -_INFINITY))

    def _category(self, feature: int) -> float | None:
        without = self._without.get(feature, set())
        if feature in self._within:
            allowed = self._within[feature] - without
            return float(min(allowed)) if allowed else None
        return float(next(code for code in range(len(without) + 1) if code not in without))
