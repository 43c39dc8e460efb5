"""ResultFile: what a peer answered, on the disk before it says so; one sync for each batch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import msgspec  # type: ignore[import-not-found,unused-ignore]  # in the peers' environments only

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES: Final = msgspec.json.Encoder()


class ResultFile:
    """A file that lines are appended to, each with a message's id, label and probabilities."""

    def __init__(self, path: str) -> None:
        """Open the file; the benchmark empties it between its rounds."""
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, message_ids: Sequence[str], labels: Sequence[int], shares: Sequence[Any]) -> None:
        """Append a batch and sync it."""
        lines = zip(message_ids, labels, shares, strict=True)
        os.write(self._file, _LINES.encode_lines(lines))
        os.fdatasync(self._file)
