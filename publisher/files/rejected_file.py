"""RejectedFile: a file's bad rows beside it, ready to be fixed and sent.

Each row stands as it was written, behind three columns: its identity, its line, and every reason. The
names of the columns follow the original's, so that the same command sends the file once its rows are fixed,
each under the identity that it would have had at first. A cell that a spreadsheet would take for a formula has an
apostrophe before it, which is taken away when the file is read (`rookery.schemas.output.spreadsheet`).
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Self

from rookery.publisher.durable import hold_in_place
from rookery.publisher.files.columns.names import REJECTED
from rookery.publisher.files.source import REJECTED as SUFFIX
from rookery.schemas.output import spreadsheet
from rookery.schemas.output.permissions import opener
from rookery.schemas.output.spreadsheet import guarded, guarded_line, unguarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rookery.publisher.files.bad_row import BadRow
    from rookery.publisher.files.reading_file import ReadingFile
    from rookery.publisher.files.resume.checkpoint import Checkpoint


class RejectedFile:
    """A context manager; the file is made with its first row. Every method raises OSError."""

    def __init__(self, file: ReadingFile, after: Checkpoint | None = None) -> None:
        """Go on with what a checkpoint knows of; any other content is the user's work, and set aside."""
        beside = file.source.beside
        self.path: Path = beside.with_name(beside.name + SUFFIX)
        self.size = 0
        self._profile = file.profile
        self._after = after
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None

    @property
    def sha256(self) -> str:
        """The digest of what was written, also by an earlier run."""
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        if self.path.exists() and not self._goes_on():
            self.path.replace(self._free_name())
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            # Rows before the last sync are durable, and a failed sync was raised.
            with contextlib.suppress(OSError):
                self._file.close()

    def write(self, bad: BadRow) -> None:
        """Add a row."""
        with self._naming():
            if self._file is None:
                self._file = open(self.path, "xb", opener=opener())  # noqa: SIM115  closed by __exit__
                self._put(REJECTED, self._delimiter.join(self._original(self._profile.columns.written)))
            self._put((bad.reading_id, str(bad.line), " ".join(bad.why.split())), self._text(bad.text))

    def sync(self) -> None:
        """Bring what was written to the disk."""
        if self._file is not None:
            with self._naming():
                self._file.flush()
                os.fsync(self._file.fileno())
                # A checkpoint passes over these rows next: they must be where people look for them.
                hold_in_place(self.path, self._file.fileno(), self.size)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Say of a full disk which file it was full for."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or str(self.path)
            raise

    @property
    def _delimiter(self) -> str:
        return self._profile.delimiter

    def _goes_on(self) -> bool:
        """Whether what is there begins as the earlier run left it; what came after its checkpoint is cut off."""
        if self._after is None:
            return False
        file = self.path.open("r+b")
        kept = file.read(self._after.rejected_bytes)
        if not kept or hashlib.sha256(kept).hexdigest() != self._after.rejected_sha256:
            file.close()
            return False
        file.truncate()
        self._file, self.size = file, len(kept)
        self._digest.update(kept)
        return True

    def _free_name(self) -> Path:
        names = (self.path.with_name(f"{self.path.name}.bak{number or ''}") for number in itertools.count())
        return next(path for path in names if not path.exists())

    def _put(self, cells: Sequence[str], text: str) -> None:
        line = f"{self._row(cells)}{self._delimiter}{text}\n".encode(self._profile.encoding, errors="replace")
        if self._file is not None:
            self._file.write(line)
            self.size += len(line)
            self._digest.update(line)

    def _row(self, cells: Sequence[str]) -> str:
        return spreadsheet.row(cells, self._delimiter)

    def _text(self, text: str) -> str:
        """The row as it was written, without the columns that an earlier rejection put before it."""
        again = REJECTED[0] in self._profile.columns.places
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=not again), [])
        except csv.Error:
            return guarded_line(text, self._delimiter)
        if again:
            return self._row(list(map(unguarded, cells[len(REJECTED) :])))
        return self._row(cells) if any(guarded(each) != each for each in cells) else text

    def _original(self, names: Sequence[str]) -> list[str]:
        again = REJECTED[0] in self._profile.columns.places
        return [self._row([name]) for name in (names[len(REJECTED) :] if again else names)]
