"""Allocator: keeps glibc's malloc from holding on to memory that was freed."""

from __future__ import annotations

import ctypes
import os
from typing import Final

MMAP_BYTES: Final = 4 * 1024 * 1024
"""From so much on a block is a mapping of its own, which goes back to the system when it is freed.

Buffers of a table of 2,000 rows are smaller and stay in the heap: no page fault more than before. For 20,000 rows
2,000 faults more are a hundredth of the work.
"""

TRIM_BYTES: Final = 8 * 1024 * 1024
"""So much that is free at the end of the heap is given back."""

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_OWN: Final = frozenset({"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"})

_LIBRARY: Final = ctypes.CDLL(None)
_TRIM: Final = getattr(_LIBRARY, "malloc_trim", None)
_MALLOPT: Final = getattr(_LIBRARY, "mallopt", None)
"""Both are absent where the C library is another one; those give back by themselves."""


def fix_thresholds() -> None:
    """Keep glibc from raising its thresholds; where the environment sets them, nothing.

    By itself each large block that is freed raises them, up to 32 and 64 MB: from then on buffers of every size share
    the heap, which frays, and 103 MB at the start had become 238 MB after 20 minutes of singles beside tables.
    """
    if _MALLOPT is not None and _OWN.isdisjoint(os.environ):
        _MALLOPT(_M_MMAP_THRESHOLD, MMAP_BYTES)
        _MALLOPT(_M_TRIM_THRESHOLD, TRIM_BYTES)


def trim() -> None:
    """Give freed memory back; a few milliseconds for a hundred megabytes."""
    if _TRIM is not None:
        _TRIM(0)
