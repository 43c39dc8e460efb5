"""Errors of segments."""

from __future__ import annotations

import errno


class SegmentLostError(OSError):
    """The file is no longer under its name, or no longer holds its lines: it was removed, moved or cut."""

    def __init__(self) -> None:
        super().__init__(errno.ESTALE, "the open segment is no longer there as it was written")
