"""Layout: where a forest's program keeps what, in words of 32 bits; the encoder writes it and the kernel reads it.

    header, features of raw columns, raw columns of left copies, categorical splits, their sets of categories,
    base margins, runs of trees of one depth, a run of depth 0 at the end

A run is its depth d and its count, then the trees: an output, 2^d - 1 columns, as many thresholds (both in heap
order) and 2^d leaves. A categorical split is its raw column, whether a missing value goes left, where its set begins
and how many words it has.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

DEPTH: Final = 8
"""Splits from a root to a leaf at most: a tree of depth d costs 2^d - 1 comparisons, whichever of them it has."""

SPLIT_WORDS: Final = 4
"""Of a categorical split."""

MARGIN, SOFTMAX, SIGMOID = 0, 1, 2
"""Modes of the kernel: raw margins, or the probabilities of multi:softprob or binary:logistic."""


CATEGORIES: Final = 1 << 24
"""A category is less than this, for XGBoost."""

LARGEST_EXPONENT: Final = 88.7
"""XGBoost's bound of the exponential in its sigmoid."""


class UnsupportedForestError(ValueError):
    """The kernel cannot answer this booster, which goes on answering; says why."""


class Header(IntEnum):
    """The words that a program begins with: counts, places (in words), and constants.

    Constants are here because a kernel whose text names none is code without relocations: it runs wherever it is
    mapped, without a linker.
    """

    EXPF = 0
    """The address of the C library's expf, two words."""

    FEATURES = 2
    RAW = auto()
    RAW_AT = auto()
    LEFT = auto()
    LEFT_AT = auto()
    SPLITS = auto()
    SPLITS_AT = auto()
    SETS_AT = auto()
    OUTPUTS = auto()
    BASE_AT = auto()
    TREES_AT = auto()
    COLUMNS = auto()
    MINUS_INFINITY = auto()
    CATEGORIES = auto()
    ONE = auto()
    LARGEST_EXPONENT = auto()
    BIT = auto()
    BITS = auto()
    WORDS = auto()
    """How many words the header has."""


def tree_words(depth: int) -> int:
    """Count the words of one tree."""
    return 3 * (1 << depth) - 1
