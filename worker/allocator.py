"""Allocator: gives memory that was freed back to the system, which glibc keeps for as long as anything lies above it."""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Absent where the C library is another one; those give back by themselves."""


def trim() -> None:
    """Give freed memory back; a few milliseconds for a hundred megabytes."""
    if _TRIM is not None:
        _TRIM(0)
