"""`python -m load.chaos.failing_worker`: the worker over a disk that fails when a file says so.

The file named by CHAOS_FAULT holds `CODE` (an errno: every sync fails with it) or `slow SECONDS`; it is absent in
good times. Nothing of the worker is replaced but `os.fsync`, through which everything durable must pass.
"""

from __future__ import annotations

import os
import runpy
import time
from pathlib import Path
from typing import Any, Final

FAULT_FILE: Final = "CHAOS_FAULT"

_sync = os.fsync


def _failing_sync(fd: Any) -> None:
    try:
        word, _, seconds = Path(os.environ[FAULT_FILE]).read_text().partition(" ")
    except FileNotFoundError:
        return _sync(fd)
    if word == "slow":
        time.sleep(float(seconds))
        return _sync(fd)
    raise OSError(int(word), os.strerror(int(word)))


if __name__ == "__main__":
    os.fsync = _failing_sync
    runpy.run_module("worker", run_name="__main__")
