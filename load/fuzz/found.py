"""Found: the identities of all that a worker wrote."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rookery.load.accounting.folder_results import predictions, rejections
from rookery.schemas.segment import OPEN, segments

if TYPE_CHECKING:
    from pathlib import Path

_SEALED_AFTER_S: Final = 1.5


class Found:
    """The identities of all predictions and rejections so far, and of their messages; what was read is removed, for it would fill the disk."""

    def __init__(self, folder: Path) -> None:
        self.identities: set[str] = set()
        self._folders = (predictions(folder / "predictions"), rejections(folder / "rejections"))

    def look(self) -> None:
        """Read what was written since the last look; raises OSError."""
        time.sleep(_SEALED_AFTER_S)
        for folder in self._folders:
            for line in folder.fresh():
                self.identities.update((line.reading_id, line.message_id))
            for file in segments(folder.path):
                if not file.name.startswith(OPEN):
                    file.unlink()
