"""Forest check: whether every index in a booster's trees leads to something that is there.

XGBoost follows children, features and categories without looking: one wrong index ends the process, or reads memory
that is not the model's. All trees are checked together, in a few steps of numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

DEPTH: Final = 512
"""Splits from a root to a leaf at most; XGBoost measures it by recursion."""

CATEGORIES: Final = 1 << 24
"""A category is less than this, for it comes as a float; XGBoost keeps a bit for each up to the largest of a node."""

CATEGORY_BYTES: Final = 64 * 1024 * 1024
"""Bytes that these bits may take, of all nodes together."""

NO_NODE: Final = -1
NO_PARENT: Final = 2**31 - 1

_FLOAT, _INT, _LONG, _BYTE = (np.dtype(each) for each in (">f4", ">i4", ">i8", "u1"))
_COLUMNS: Final = {
    "left_children": (_INT,),
    "right_children": (_INT,),
    "parents": (_INT,),
    "split_indices": (_INT, _LONG),
    "split_type": (_BYTE,),
    "default_left": (_BYTE,),
    "split_conditions": (_FLOAT,),
    "base_weights": (_FLOAT,),
    "loss_changes": (_FLOAT,),
    "sum_hessian": (_FLOAT,),
}
"""The arrays that a tree has for its nodes, and the types in which XGBoost reads them."""

_OF_CATEGORIES: Final = {
    "categories": _INT,
    "categories_nodes": _INT,
    "categories_segments": _LONG,
    "categories_sizes": _LONG,
}


class BrokenForestError(ValueError):
    """A tree leads to something that is not there; says which and where."""


def check_forest(trees: Sequence[Any], *, features: int) -> None:
    """Look at the trees of a booster of so many features; raises BrokenForestError."""
    if not trees:
        raise BrokenForestError("there are no trees")
    for nth, tree in enumerate(trees):
        _check_shape(nth, tree, features)
    forest = _Forest(trees)
    forest.check_links()
    forest.check_features(features)
    forest.check_categories()


def _check_shape(nth: int, tree: Any, features: int) -> None:
    """Whether a tree has all its columns, of their types, each with a value for each node."""
    if not isinstance(tree, dict) or not isinstance(tree.get("tree_param"), dict):
        raise BrokenForestError(f"tree {nth} is no tree")
    param = tree["tree_param"]
    nodes = len(tree["left_children"]) if isinstance(tree.get("left_children"), np.ndarray) else 0
    if tree.get("id") != nth or param.get("num_nodes") != str(nodes) or not nodes:
        raise BrokenForestError(f"tree {nth} is not what it says: another id, or another number of nodes")
    if param.get("num_feature") != str(features) or param.get("size_leaf_vector") not in {"0", "1"}:
        raise BrokenForestError(f"tree {nth} has other features or outputs than the model")
    for name, dtypes in _COLUMNS.items():
        column = tree.get(name)
        if not isinstance(column, np.ndarray) or column.dtype not in dtypes or len(column) != nodes:
            raise BrokenForestError(f"tree {nth}: {name} is not one value for each of {nodes} nodes")
    for name, dtype in _OF_CATEGORIES.items():
        if not isinstance(tree.get(name), np.ndarray) or tree[name].dtype != dtype:
            raise BrokenForestError(f"tree {nth}: {name} is missing or of another type")


class _Forest:
    """The nodes of all trees in one row."""

    def __init__(self, trees: Sequence[Mapping[str, Any]]) -> None:
        self._trees = trees
        self._sizes = np.array([len(tree["left_children"]) for tree in trees])
        self._roots = np.cumsum(self._sizes) - self._sizes
        # The first node of each node's tree, which its children are counted from.
        self._root = np.repeat(self._roots, self._sizes)
        self._left = self._column("left_children").astype(np.int64)
        self._inner = self._left != NO_NODE

    def check_links(self) -> None:
        """Whether children, parents, flags and answers are what they can be."""
        left, inner = self._left, self._inner
        nodes = np.repeat(self._sizes, self._sizes)
        right, parents = self._column("right_children"), self._column("parents")
        self._refuse(inner & ((left < 1) | (left >= nodes - 1)), "its children are not there")
        # XGBoost counts the right child from the left one.
        self._refuse(
            right != np.where(inner, left + 1, NO_NODE), "its right child is not the one after its left child"
        )
        self._refuse(parents[self._roots] != NO_PARENT, "its root has a parent", at=self._roots)
        # XGBoost follows the parents of pruned nodes, too.
        is_root = self._root == np.arange(len(nodes))
        self._refuse(~is_root & ((parents < 0) | (parents >= nodes)), "its parent is not there")
        (above,) = inner.nonzero()
        for child in (self._root + left, self._root + left + 1):
            # No node has two parents then, so that no way from a root comes back to itself.
            wrong = parents[child[above]] != above - self._root[above]
            self._refuse(wrong, "its child has another parent", at=above)
        for flag in ("split_type", "default_left"):
            self._refuse(self._column(flag) > 1, f"its {flag} is neither 0 nor 1")
        self._refuse(
            ~inner & ~np.isfinite(self._column("split_conditions")), "its answer is no finite number"
        )

    def check_features(self, features: int) -> None:
        """Whether the features are there that are asked for anywhere on a way from a root."""
        splits = self._column("split_indices")
        # Pruning leaves nodes behind that no way leads to.
        wrong = self._reached() & ((splits < 0) | (splits >= features))
        self._refuse(wrong, "it asks for a feature that is not there")

    def _reached(self) -> NDArray[np.bool_]:
        """Which nodes there is a way to; raises BrokenForestError where one is too long."""
        reached = np.zeros(len(self._left), dtype=np.bool_)
        level = self._roots
        for _ in range(DEPTH + 1):
            reached[level] = True
            level = level[self._inner[level]]
            if not len(level):
                return reached
            left = self._root[level] + self._left[level]
            level = np.concatenate([left, left + 1])
        tree = int(np.searchsorted(self._roots, level[0], side="right")) - 1
        raise BrokenForestError(f"tree {tree} is deeper than {DEPTH} splits")

    def check_categories(self) -> None:
        """Whether each categorical split, and only those, has its categories."""
        if not (self._column("split_type").any() or len(self._column("categories_nodes"))):
            return
        memory = sum(_category_bytes(nth, tree) for nth, tree in enumerate(self._trees))
        if memory > CATEGORY_BYTES:
            raise BrokenForestError(f"its categories take {memory} bytes, more than {CATEGORY_BYTES}")

    def _column(self, name: str) -> NDArray[Any]:
        return np.concatenate([tree[name] for tree in self._trees])

    def _refuse(self, wrong: NDArray[np.bool_], words: str, *, at: NDArray[np.int64] | None = None) -> None:
        """Raise where something is wrong with a node, naming the first one."""
        if wrong.any():
            node = int(wrong.argmax()) if at is None else int(at[wrong.argmax()])
            tree = int(np.searchsorted(self._roots, node, side="right")) - 1
            raise BrokenForestError(f"tree {tree}, node {node - int(self._roots[tree])}: {words}")


def _category_bytes(nth: int, tree: Mapping[str, Any]) -> int:
    """How many bytes XGBoost keeps for a tree's categories; raises BrokenForestError where some are not there."""
    begins, sizes, categories = (tree[f"categories{end}"] for end in ("_segments", "_sizes", ""))
    nodes = tree["categories_nodes"]
    if not np.array_equal(nodes, tree["split_type"].nonzero()[0]) or not len(begins) == len(sizes) == len(
        nodes
    ):
        raise BrokenForestError(f"tree {nth}: its categories are not those of its categorical splits")
    # Each bounded before they are added, for a sum may be beyond 64 bits.
    inside = (begins >= 0) & (begins <= len(categories)) & (sizes > 0) & (sizes <= len(categories))
    if not inside.all() or (begins + sizes > len(categories)).any():
        raise BrokenForestError(f"tree {nth}: its categories are not there")
    if ((categories < 0) | (categories >= CATEGORIES)).any():
        raise BrokenForestError(f"tree {nth}: a category is not between 0 and {CATEGORIES}")
    largest = [categories[begin : begin + size].max() for begin, size in zip(begins, sizes, strict=True)]
    return sum(int(each) // 8 + 4 for each in largest)
