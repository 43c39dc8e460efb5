"""Progress: what a long run is doing now, on standard error."""

from __future__ import annotations

import sys
import time
from typing import Final

_BEGIN: Final = time.monotonic()


def say(text: str) -> None:
    """Write one line with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _BEGIN), 60)
    sys.stderr.write(f"{minutes:2d}:{seconds:02d} {text}\n")
    sys.stderr.flush()
