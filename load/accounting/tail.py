"""Tail: what was added to a folder of results since the last look, as bytes; nothing is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.schemas.output.parquet_lines import parquet_lines
from rookery.schemas.segment import PARQUET, result_files, sealed, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


class Tail:
    """Follows every segment below a folder, open ones too, up to its last whole line, and every Parquet file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def each(self) -> Iterator[tuple[Path, bytes]]:
        """Give each segment that has grown with its whole lines that were not there at the last look."""
        for segment in result_files(self._folder):
            if content := self._new(segment):
                yield segment, content

    def fresh(self) -> bytes:
        """Give all these lines."""
        return b"".join(content for _, content in self.each())

    def _new(self, segment: Path) -> bytes:
        if segment.suffix == PARQUET:
            return self._columns(segment)
        known = sealed(segment)
        begin = self._read.get(known, 0)
        file = _opened(segment, known)
        if file is None:
            return b""
        with file:
            if file.seek(0, 2) == begin:
                return b""
            file.seek(begin)
            content = whole(file.read())
        self._read[known] = begin + len(content)
        return content

    def _columns(self, file: Path) -> bytes:
        """Give a Parquet file's rows as lines, once: it does not grow."""
        if file in self._read:
            return b""
        content = parquet_lines(file)
        self._read[file] = len(content)
        return content


def _opened(segment: Path, known: Path) -> BinaryIO | None:
    """Open a segment that was listed a moment ago; None where it was empty and is gone."""
    try:
        return segment.open("rb")
    except FileNotFoundError:
        if segment == known:
            raise
    # It got its final name between the listing and now, or had no line yet and was removed.
    try:
        return known.open("rb")
    except FileNotFoundError:
        return None
