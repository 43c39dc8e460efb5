"""Program: a booster's trees as the kernel reads them, each padded to a whole heap of its depth."""

from __future__ import annotations

import ctypes
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.worker.inference.forest.columns import Columns, columns_of
from rookery.worker.inference.forest.nodes import LEAF, Nodes
from rookery.worker.inference.kernel.layout import (
    CATEGORIES,
    DEPTH,
    LARGEST_EXPONENT,
    SIGMOID,
    SOFTMAX,
    Header,
    UnsupportedForestError,
    tree_words,
)
from rookery.worker.models.ubj import decode
from rookery.worker.runtime.light_xgboost import xgboost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

TRANSFORMS: Final = {"multi:softprob": SOFTMAX, "binary:logistic": SIGMOID}
"""Objectives whose probabilities the kernel makes."""

MOST_WORDS: Final = 1 << 23
"""A larger program, of 32 MB, would not be read faster than XGBoost reads its trees."""

MOST_COLUMNS: Final = 4096
"""Columns and outputs: each takes 128 bytes of the calling thread's stack."""

_RUN_WORDS: Final = 2


@dataclass(frozen=True)
class ForestProgram:
    """The words that the kernel reads; `trees` has the depth of each tree and the index of its first word."""

    words: NDArray[np.int32]
    columns: Columns
    trees: tuple[tuple[int, int], ...]
    features: int
    outputs: int
    transform: int

    def comparisons(self, nth: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the columns and thresholds (2^d - 1) that a tree of depth d compares, as a heap."""
        depth, place = self.trees[nth]
        inner = 2**depth - 1
        words = self.words[place + 1 : place + 1 + 2 * inner]
        return words[:inner], words[inner:].view(np.float32)

    def round_alone(self, nth: int) -> NDArray[np.int32]:
        """Copy the words of one round, which begins with no base: its margins are its leaves, to the last bit."""
        words = self.words
        base, begin = words[Header.BASE_AT], words[Header.TREES_AT]
        parts = [words[:base], np.zeros(begin - base, dtype=np.int32)]
        for depth, place in self.trees[nth * self.outputs : (nth + 1) * self.outputs]:
            parts += [np.array([depth, 1], dtype=np.int32), words[place : place + tree_words(depth)]]
        return np.concatenate([*parts, np.zeros(_RUN_WORDS, dtype=np.int32)])


def program_of(booster: Any) -> ForestProgram:
    """Encode a booster that check_booster accepted; raises UnsupportedForestError."""
    learner = decode(bytes(booster.save_raw("ubj")))["learner"]
    kind, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    if kind != "gbtree" or objective not in TRANSFORMS:
        raise UnsupportedForestError(f"{objective} of a {kind} is not compiled")
    return _encoded(learner, base_margins(booster))


def base_margins(booster: Any) -> NDArray[np.float32]:
    """Ask XGBoost for the margins (outputs,) that sums begin with: it alone makes them of what the file says.

    A copy of the first round answers, with leaves of 0.
    """
    model = json.loads(bytes(booster[0:1].save_raw("json")))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        ends = zip(tree["left_children"], tree["split_conditions"], strict=True)
        tree["split_conditions"] = [0.0 if left == LEAF else value for left, value in ends]
    alone = xgboost.Booster({"nthread": 1})
    alone.load_model(bytearray(json.dumps(model).encode()))
    rows = np.zeros((1, booster.num_features()), dtype=np.float32)
    margins = alone.inplace_predict(rows, predict_type="margin", validate_features=False)
    return np.ascontiguousarray(margins, dtype=np.float32).reshape(-1)


def _encoded(learner: Mapping[str, Any], base: NDArray[np.float32]) -> ForestProgram:
    features, model = int(learner["learner_model_param"]["num_feature"]), learner["gradient_booster"]["model"]
    trees, info = model["trees"], np.asarray(model["tree_info"])
    if not len(trees) or not np.array_equal(info, np.arange(len(trees)) % len(base)):
        raise UnsupportedForestError("its rounds are not one tree for each output")
    nodes = Nodes(trees)
    columns = columns_of(nodes)
    if columns.count + len(base) > MOST_COLUMNS:
        raise UnsupportedForestError(f"it has more than {MOST_COLUMNS} columns and outputs")
    if sum(map(tree_words, nodes.depths.tolist())) > MOST_WORDS:
        raise UnsupportedForestError(f"its trees take more than {MOST_WORDS} words")
    head = _head(columns, base, features)
    runs, places = _tree_runs(nodes, columns, info, first=len(head))
    words = np.concatenate([head, runs])
    words.flags.writeable = False
    transform = TRANSFORMS[learner["objective"]["name"]]
    trees_at = tuple(zip(nodes.depths.tolist(), places.tolist(), strict=True))
    return ForestProgram(words, columns, trees_at, features, len(base), transform)


def _head(columns: Columns, base: NDArray[np.float32], features: int) -> NDArray[np.int32]:
    """Write the header and all that stands before the trees."""
    sizes = [len(each.right) for each in columns.splits]
    begins = np.cumsum([0, *sizes])
    splits = [
        (each.raw, each.missing_left, begin, size)
        for each, begin, size in zip(columns.splits, begins, sizes, strict=False)
    ]
    parts = {
        Header.RAW_AT: columns.raw,
        Header.LEFT_AT: columns.left,
        Header.SPLITS_AT: np.array(splits, dtype=np.int32).reshape(-1),
        Header.SETS_AT: np.concatenate(
            [np.zeros(0, np.uint32), *(each.right for each in columns.splits)]
        ).view(np.int32),
        Header.BASE_AT: base.view(np.int32),
        Header.TREES_AT: np.zeros(0, dtype=np.int32),
    }
    header = np.zeros(Header.WORDS, dtype=np.int32)
    at = len(header)
    for field, part in parts.items():
        header[field] = at
        at += len(part)
    counts = {
        Header.FEATURES: features,
        Header.RAW: len(columns.raw),
        Header.LEFT: len(columns.left),
        Header.SPLITS: len(columns.splits),
        Header.OUTPUTS: len(base),
        Header.COLUMNS: columns.count,
        Header.BIT: 1,
        Header.BITS: 31,
    }
    constants = {
        Header.MINUS_INFINITY: -np.inf,
        Header.CATEGORIES: CATEGORIES,
        Header.ONE: 1,
        Header.LARGEST_EXPONENT: LARGEST_EXPONENT,
    }
    for field, count in counts.items():
        header[field] = count
    for field, constant in constants.items():
        header.view(np.float32)[field] = constant
    header[Header.EXPF : Header.EXPF + 2] = np.array([_expf()], dtype=np.uint64).view(np.int32)
    return np.concatenate([header, *parts.values()])


def _expf() -> int:
    """Find the address of the exponential that XGBoost calls."""
    # Resolved through its own library, so that both call the same function.
    return ctypes.cast(xgboost.core._LIB.expf, ctypes.c_void_p).value or 0  # noqa: SLF001  the only name that it has


def _tree_runs(
    nodes: Nodes, columns: Columns, info: NDArray[np.int64], *, first: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Write the trees in XGBoost's order from word `first` on, a run for neighbours of one depth, and give their places."""
    begins_run = np.diff(nodes.depths, prepend=0) != 0
    sizes = np.array([tree_words(depth) for depth in nodes.depths.tolist()])
    places = np.cumsum(sizes) - sizes + _RUN_WORDS * np.cumsum(begins_run)
    words = np.zeros(places[-1] + sizes[-1] + _RUN_WORDS, dtype=np.int32)
    heads = np.flatnonzero(begins_run)
    words[places[heads] - 2] = nodes.depths[heads]
    words[places[heads] - 1] = np.diff(heads, append=len(places))
    for depth in range(1, DEPTH + 1):
        own = np.flatnonzero(nodes.depths == depth)
        compared, thresholds, leaves = nodes.heaps(depth, columns.of_node)
        tree = [
            info[own][:, None].astype(np.int32),
            compared,
            thresholds.view(np.int32),
            leaves.view(np.int32),
        ]
        words[places[own][:, None] + np.arange(tree_words(depth))] = np.hstack(tree)
    return words, places + first
