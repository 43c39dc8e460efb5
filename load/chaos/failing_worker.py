"""`python -m rookery.load.chaos.failing_worker`: the worker over a disk that fails when a file says so.

The file named by CHAOS_FAULT holds `CODE` (an errno: every sync fails with it) or `slow SECONDS`; it is absent in
good times. Nothing of the worker is replaced but `os.fsync` and `os.fdatasync`, through which everything durable
must pass.
"""

from __future__ import annotations

import os
import runpy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FAULT_FILE: Final = "CHAOS_FAULT"


def failing(sync: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a sync that fails, or crawls, while the fault's file says so."""

    def _failing(fd: Any) -> None:
        try:
            word, _, seconds = Path(os.environ[FAULT_FILE]).read_text().partition(" ")
        except FileNotFoundError:
            return sync(fd)
        if word != "slow":
            raise OSError(int(word), os.strerror(int(word)))
        time.sleep(float(seconds))
        return sync(fd)

    return _failing


if __name__ == "__main__":
    os.fsync = failing(os.fsync)  # type: ignore[assignment]  # by position, as everybody calls it
    os.fdatasync = failing(os.fdatasync)  # type: ignore[assignment]  # the same
    runpy.run_module("rookery.worker", run_name="__main__")
