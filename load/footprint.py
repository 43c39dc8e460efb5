"""Footprint: what a process holds at one moment, and whether it grew beyond noise."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

NOISE_SHARE: Final = 0.03
NOISE_BYTES: Final = 4_000_000
"""Growth below the larger of the two is noise: allocators keep what they got."""
NOISE_FILES: Final = 8


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resident bytes and open files (sockets among them)."""

    resident: int
    files: int


def footprint(pid: int) -> Footprint:
    """Look at a process; raises psutil.NoSuchProcess."""
    process = psutil.Process(pid)
    with process.oneshot():
        return Footprint(resident=process.memory_info().rss, files=process.num_fds())


@dataclass(frozen=True, slots=True)
class Growth:
    """From the first to the second half of what was seen after the warm-up, medians."""

    resident_before: float
    resident_after: float
    files_before: float
    files_after: float

    @property
    def leaks(self) -> bool:
        """Whether more was added than noise explains."""
        noise = max(NOISE_BYTES, NOISE_SHARE * self.resident_before)
        return (
            self.resident_after - self.resident_before > noise
            or self.files_after - self.files_before > NOISE_FILES
        )


def growth(seen: Sequence[Footprint], *, warm_up: float = 0.3) -> Growth | None:
    """Compare the halves after the warm-up, a share of what was seen; None where fewer than four are left."""
    warm = seen[int(len(seen) * warm_up) :]
    if len(warm) < 4:  # noqa: PLR2004  two in each half
        return None
    first, second = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    return Growth(
        resident_before=median(each.resident for each in first),
        resident_after=median(each.resident for each in second),
        files_before=median(each.files for each in first),
        files_after=median(each.files for each in second),
    )
