"""The size of tables: how many rows and bytes one message carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.publisher.message import MAX_PAYLOAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE_BYTES: Final = 20_000
"""About how much a table is, some 300 rows. Larger ones save next to nothing, and a push window of a few dozen of them
fills a worker's queue: each refusal then slows the whole subscription down."""

TABLE_ROWS: Final = 350
"""Rows of a table at most: a window of 256 pushes stays within the 100,000 readings that a worker takes in."""

LEAST_BYTES: Final = 1_000


def boundaries(sizes: NDArray[np.int64], table_bytes: int, most_rows: int) -> list[int]:
    """Where rows of these sizes are cut into tables of about as many bytes, and no more rows; the first is 0, the last their number."""
    rows = len(sizes)
    if not rows:
        return [0]
    behind = sizes.cumsum()
    total = int(behind[-1])
    # Names and brackets come to the cells.
    most = min(table_bytes, MAX_PAYLOAD // 2)
    tables = max(1, round(total / most))
    ends = behind.searchsorted([nth * (total / tables) for nth in range(1, tables)], side="left") + 1
    found = [0]
    for end in [*ends.tolist(), rows]:
        step = end - found[-1]
        parts = -(-step // most_rows)
        begin = found[-1]
        found += [begin + step * part // parts for part in range(1, parts + 1)]
    return found
