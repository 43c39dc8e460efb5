"""`python -P -m rookery.station.bound_process MODULE ...`: a program that ends when its supervisor does.

The supervisor holds the other end of the standard input. The system closes it however the supervisor ends, also by
kill -9, and the program then ends at once, on every system with pipes. Its work is safe at any moment:
messages and results are durable before they are acknowledged.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from typing import Final

_INPUT: Final = 0
ORPHANED: Final = 3
"""Exit code of a program whose supervisor has ended."""


def main() -> None:
    """Run a module as `python -m` does, for as long as the standard input is open."""
    # The thread inherits the mask: no signal shall reach it in the place of a thread that handles signals.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    threading.Thread(target=_end_with_input, name="end of the supervisor", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_input() -> None:
    while os.read(_INPUT, 1):
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    main()
