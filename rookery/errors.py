"""UserError: what a user is told instead of a traceback, and the exit codes that say it to a script.

| code | means |
|---|---|
| 0 | done, and the result is good |
| 1 | done, and the result is not good: readings were lost, refused or failed |
| 2 | not done: wrong usage, something missing, or something out of reach |
| 70 | a defect of Rookery's own |
| 130 | interrupted (Ctrl-C) |
"""

from __future__ import annotations

from typing import Final

NOT_GOOD: Final = 1
NOT_DONE: Final = 2
DEFECT: Final = 70
INTERRUPTED: Final = 130


class UserError(Exception):
    """A sentence for the user, what may help, and the exit code."""

    def __init__(self, sentence: str, *, hint: str = "", code: int = NOT_DONE) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.code = code
