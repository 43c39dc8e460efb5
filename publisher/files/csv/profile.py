"""Dialect: how a file writes its rows, found by looking at it once, whole."""

from __future__ import annotations

import codecs
import csv
import hashlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import BadFileError
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.publisher.files.csv.header import ColumnNames, CsvHeader
    from rookery.publisher.files.source import FileSource

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_LINE: Final = 65_536
"""Characters of one row; eight cells need about fifty."""

_PIECE: Final = 1 << 20
_SAMPLED_ROWS: Final = 10
"""Rows that are sampled before the first one is read."""

_OTHER_ALPHABETS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class CsvProfile:
    """A file at a glance: its columns and how they are written, the first 12 digits of its SHA-256, its size.

    The digest is that of the unpacked bytes, so that packing a file changes no reading; `start` is where the
    first row begins and `header_line` the line of the header, from 1.
    """

    columns: CsvHeader
    digest12: str
    size: int
    lines: int
    encoding: str
    delimiter: str
    line_end: bytes
    start: int
    header_line: int


def profile_of(
    source: FileSource, names: ColumnNames, mapping: Mapping[str, str] | None = None
) -> CsvProfile:
    """Read a whole file once; its columns are understood by `names`. Raises BadFileError with every reason, and OSError."""
    with source.open() as file:
        seen = _SampledLines()
        while piece := file.read(_PIECE):
            seen.look(piece)
    if seen.head.startswith(_OTHER_ALPHABETS):
        raise BadFileError(source.name, Reason(field="file", rule="UTF-8 or Latin-1 is needed, not UTF-16"))
    return seen.profile(source.name, names, mapping)


class _SampledLines:
    """The part of a file that was read so far."""

    def __init__(self) -> None:
        self.head = b""
        self._digest = hashlib.sha256()
        self._size = 0
        self._ends = {b"\n": 0, b"\r": 0}
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()

    def look(self, piece: bytes) -> None:
        if len(self.head) < _PIECE:
            self.head += piece
        self._digest.update(piece)
        self._size += len(piece)
        for end in self._ends:
            self._ends[end] += piece.count(end)
        self._try(piece)

    def _try(self, piece: bytes, *, final: bool = False) -> None:
        if self._decoder is not None:
            try:
                self._decoder.decode(piece, final)
            except UnicodeDecodeError:
                self._decoder = None

    def profile(self, name: str, known: ColumnNames, mapping: Mapping[str, str] | None) -> CsvProfile:
        self._try(b"", final=True)
        # A file that is not UTF-8 as a whole is Latin-1: every byte means a letter there.
        encoding = "latin-1" if self._decoder is None else "utf-8"
        end = b"\n" if self._ends[b"\n"] else b"\r"
        header, start, line = _header_line(self.head, end)
        text = header.removeprefix(codecs.BOM_UTF8).decode(encoding, errors="replace").strip("\r\n")
        delimiter = _delimiter(text, known)
        names = _cells(name, text, delimiter)
        rows = self.head[start:].decode(encoding, errors="replace").split(end.decode())
        if _has_row_names(rows, delimiter, columns=len(names)):
            names = ["", *names]
        return CsvProfile(
            columns=known.columns(name, names, mapping),
            digest12=self._digest.hexdigest()[:12],
            size=self._size,
            lines=self._ends[end],
            encoding=encoding,
            delimiter=delimiter,
            line_end=end,
            start=start,
            header_line=line,
        )


def _header_line(head: bytes, end: bytes) -> tuple[bytes, int, int]:
    """The first line that is not blank, where the next one begins, and its number."""
    start = number = 0
    while start < len(head):
        number += 1
        found = head.find(end, start)
        following = len(head) if found < 0 else found + len(end)
        line = head[start:following]
        if line.removeprefix(codecs.BOM_UTF8).strip():
            return line[:MAX_LINE], following, number
        start = following
    return b"", len(head), number


def _delimiter(header: str, names: ColumnNames) -> str:
    """The delimiter of cells: the one by which most names are understood; in doubt, by which there are most."""

    def merit(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip(' "') for cell in header.split(delimiter)]
        return sum(names.understood(cell) is not None for cell in cells), len(cells)

    return max(DELIMITERS, key=merit)


def _has_row_names(rows: Sequence[str], delimiter: str, *, columns: int) -> bool:
    """Whether each row begins with a name that the header has no column for, as R's write.table writes it.

    Names are quoted, or count from 1. An empty last cell is a delimiter too many, and no column either.
    """
    filled = list(islice((row.strip("\r") for row in rows if row.strip()), _SAMPLED_ROWS))
    try:
        cells = list(csv.reader(filled, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    counted = [row[0] for row in cells] == [str(number) for number in range(1, len(cells) + 1)]
    named = counted or all(row.startswith('"') for row in filled)
    return bool(cells) and named and all(len(row) == columns + 1 and row[-1] for row in cells)


def _cells(name: str, header: str, delimiter: str) -> list[str]:
    if not header.strip():
        raise BadFileError(
            name, Reason(field="header", rule="a line with the names of the columns is needed")
        )
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadFileError(name, Reason(field="header", rule=f"CSV is needed: {error}")) from None
