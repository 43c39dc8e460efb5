"""Open files: a connection is one, and a shell's default of 1,024 is fewer than a worker may be sent."""

from __future__ import annotations

import contextlib
import sys


def allow_most() -> None:
    """Let this process have as many open files as its user may; where the system knows no such limits, nothing changes."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  absent elsewhere

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        # macOS names a hard limit that it does not grant.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
