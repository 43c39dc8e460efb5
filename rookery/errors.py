"""UserError: the sentence that a user reads instead of a traceback, and the exit codes for scripts.

| code | means |
|---|---|
| 0 | done, and the result is good |
| 1 | done, and the result is not good: readings were lost, refused or failed |
| 2 | not done: wrong usage, a missing part, or a service out of reach |
| 70 | a defect of Rookery's own |
| 130 | interrupted (Ctrl-C) |
"""

from __future__ import annotations

from typing import Final

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_DEFECT: Final = 70
EXIT_INTERRUPTED: Final = 130


class UserError(Exception):
    """A sentence for the user, a hint, and the exit code."""

    def __init__(self, sentence: str, *, hint: str = "", code: int = EXIT_USAGE) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.code = code
