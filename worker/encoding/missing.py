"""Missing features: which features each row of a batch lacks, as numbers that are few in a batch, and by their names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MOST_BITS: Final = 62
"""Features of which a pattern, and the flag before it, is one int64."""

_COUNTED_BITS: Final = 12
"""Features of which all patterns are counted in less time than the rows are put into a dictionary."""


def row_codes(lacking: NDArray[np.bool_], flags: NDArray[np.bool_]) -> list[int]:
    """Number rows (n, features) by what they lack: bit 0 is the row's flag, bit i + 1 whether feature i is missing."""
    width = lacking.shape[1]
    if width <= _MOST_BITS:
        codes: list[int] = (lacking @ _bits(width) + flags).tolist()
        return codes
    packed = np.packbits(np.ascontiguousarray(np.column_stack((flags, lacking))), axis=1, bitorder="little")
    return [int.from_bytes(row, "little") for row in packed.view(f"V{packed.shape[1]}")[:, 0].tolist()]


@lru_cache(maxsize=4)
def _bits(width: int) -> NDArray[np.int64]:
    return 2 << np.arange(width)


def distinct_codes(
    lacking: NDArray[np.bool_], flags: NDArray[np.bool_]
) -> tuple[list[int], NDArray[np.intp]]:
    """The different codes of rows (n, features), and the place of each row's code among them (n,)."""
    width = lacking.shape[1]
    if width <= _COUNTED_BITS:
        codes = lacking @ _bits(width) + flags
        every = np.flatnonzero(np.bincount(codes))
        return every.tolist(), np.searchsorted(every, codes)
    known: dict[int, int] = {}
    which = [known.setdefault(code, len(known)) for code in row_codes(lacking, flags)]
    return [*known], np.array(which)


def missing_names(code: int, names: Sequence[str]) -> list[str]:
    """Name the features that rows of a code lack."""
    return [name for nth, name in enumerate(names) if code >> nth & 2]
