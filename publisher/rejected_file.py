"""RejectedFile: a file's bad rows beside it, ready to be mended and sent.

Each row stands as it was written, behind three columns: what it is known by, its line, and every reason. The
names of the columns follow the original's, so that the same command sends the file once its rows are mended,
each under the identity that it would have had at first.
"""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, BinaryIO, Self

from publisher.columns import REJECTED
from publisher.source import REJECTED as SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from publisher.bad_row import BadRow
    from publisher.csv_rows import CsvFile


class RejectedFile:
    """A context manager; the file is made with its first row. Every method raises OSError."""

    def __init__(self, file: CsvFile, *, keep_bytes: int = 0) -> None:
        """Go on after `keep_bytes` of what is there; with none, set aside what an earlier run left."""
        beside = file.source.beside
        self.path: Path = beside.with_name(beside.name + SUFFIX)
        self.size = 0
        self._survey = file.survey
        self._keep_bytes = keep_bytes
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self.path.exists():
            if self._keep_bytes:
                self._open("r+b")
            else:
                self.path.replace(self.path.with_name(self.path.name + ".bak"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, bad: BadRow) -> None:
        """Add a row."""
        if self._file is None:
            self._open("w+b")
            self._put(REJECTED, self._delimiter.join(self._original(self._survey.columns.names)))
        self._put((bad.reading_id, str(bad.line), " ".join(bad.why.split())), self._text(bad.text))

    def sync(self) -> None:
        """Bring what was written to the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    @property
    def _delimiter(self) -> str:
        return self._survey.delimiter

    def _open(self, mode: str) -> None:
        self._file = file = self.path.open(mode)  # type: ignore[assignment]  # every mode here is binary
        if mode == "r+b":
            # What was written after the checkpoint will be written again.
            file.truncate(min(self._keep_bytes, os.fstat(file.fileno()).st_size))
            self.size = file.seek(0, os.SEEK_END)

    def _put(self, cells: Sequence[str], text: str) -> None:
        line = f"{self._row(cells)}{self._delimiter}{text}\n".encode(self._survey.encoding, errors="replace")
        if self._file is not None:
            self._file.write(line)
            self.size += len(line)

    def _row(self, cells: Sequence[str]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return text.getvalue()

    def _text(self, text: str) -> str:
        """The row as it was written, without the columns that an earlier rejection put before it."""
        if REJECTED[0] not in self._survey.columns.places:
            return text
        try:
            return self._row(next(csv.reader([text], delimiter=self._delimiter))[len(REJECTED) :])
        except csv.Error:
            return text

    def _original(self, names: Sequence[str]) -> list[str]:
        again = REJECTED[0] in self._survey.columns.places
        return [self._row([name]) for name in (names[len(REJECTED) :] if again else names)]
