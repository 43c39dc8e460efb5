"""CPUs: how many a process really has, where its container may use less than the machine shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

CGROUP: Final = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of the container that a process runs in."""

_SHARE: Final = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""Files with the microseconds of CPU in a period and the period, in version 2 and 1."""


def cpus(cgroup: Path = CGROUP) -> int:
    """Count the CPUs that this process may run on, no more than its container's share of them, rounded up; 1 at least."""
    on = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for files in _SHARE:
        try:
            quota, period = map(int, " ".join((cgroup / each).read_text() for each in files).split())
        except (OSError, ValueError):
            # Another version, or no limit: "max".
            continue
        if quota > 0 and period > 0:
            return max(1, min(on, -(-quota // period)))
    return on
