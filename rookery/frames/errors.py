"""Errors of frames: BadFrameError for columns that cannot be readings, BadTableError for a file that is no table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.rejection import Reason

_OPTION: Final = re.compile(r"--map '([^']*)=([^']*)'")


class BadFrameError(ValueError):
    """The columns of a frame cannot be readings; carries every reason, in the words of the argument `mapping`."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        shown = "; ".join(
            f"{each.field}: {each.rule}" + (f" ({each.value})" if each.value else "") for each in reasons
        )
        in_python = _OPTION.sub(r"mapping={'\1': '\2'}", shown).replace("--map:", "mapping:")
        super().__init__(f"the frame cannot be read as readings: {in_python}")
        self.reasons = tuple(reasons)


class BadTableError(ValueError):
    """A file cannot be read, or written, as a table; the sentence names the file, and the row where there is one."""
