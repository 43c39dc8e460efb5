"""Priority: threads with long work give way to the event loop, which all readings wait for."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

NICE: Final = 10
"""How nice a thread is that gives way."""


class _ThreadPriority(threading.local):
    """Whether the thread that asks gives way."""

    gives_way = False


_manners: Final = _ThreadPriority()


def give_way() -> None:
    """Let the scheduler prefer every other thread to the calling one, from now on; for good."""
    _manners.gives_way = True
    # Only Linux knows threads by such numbers.
    if sys.platform == "linux":
        own = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, own, max(NICE, os.getpriority(os.PRIO_PROCESS, own)))


def step_aside() -> None:
    """Between two slices of long work: in a thread that gives way, let who waits for interpreter or CPU go first."""
    # To be nice is not enough: who wakes up may have to wait until the running slice of time, some 3 ms, is over.
    if _manners.gives_way and hasattr(os, "sched_yield"):
        os.sched_yield()
