"""RestartDelay: how long to wait before a program that ended is started again."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 0.2
LONGEST_S: Final = 10.0
STEADY_S: Final = 30.0
"""Seconds as a ready program after which its next failure counts as the first one."""


class RestartDelay:
    """Doubles from failure to failure up to a bound, and begins anew once the program ran well."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, ready_s: float) -> float:
        """Seconds to wait after a program ended that had been ready for `ready_s` seconds (0: never)."""
        if ready_s >= STEADY_S:
            self._next_s = FIRST_S
        wait_s = self._next_s
        self._next_s = min(2 * wait_s, LONGEST_S)
        return wait_s
