"""DelimitedText: rows of text with a sign between their cells, read a block at a time.

Arrow's parser splits blocks without quotes and without blank lines, in about a fifth of the time that pandas' takes (0.2 and 0.9 us
a row of eight cells as text); Python's csv module splits the others, whose rules on quotes are strict.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from rookery.publisher.files.forms.blocks import BLOCK, MAX_LINE, TextBlock, blocks
from rookery.publisher.files.forms.chunk import BrokenRow, RowChunk
from rookery.publisher.files.forms.dialect import dialect_of
from rookery.publisher.files.forms.records import END_OF_TEXT, SPACE, Record, records, spaced, split
from rookery.publisher.files.resume.position import FilePosition
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from rookery.publisher.files.columns.names import FieldNames
    from rookery.publisher.files.options import FileOptions
    from rookery.publisher.files.scan import FileScan
    from rookery.publisher.files.source import FileSource

_FEED: Final = 10


class DelimitedText:
    """A text file; see TableForm."""

    def __init__(
        self, source: FileSource, scan: FileScan, names: FieldNames, options: FileOptions, size: int = BLOCK
    ) -> None:
        """Recognise the dialect; raises BadFileError."""
        self._source = source
        self._scan = scan
        self._size = size
        self._text_encoding = options.encoding or scan.encoding
        self._dialect = dialect_of(source.name, scan, names, options)
        self.header = self._dialect.header
        self.header_line = self._dialect.header_line
        self.rows = max(scan.lines - self.header_line, 1)
        self.delimiter = self._dialect.shape.delimiter
        self.encoding = "utf-8" if self._text_encoding.startswith("utf") else self._text_encoding
        self.remarks = self._dialect.remarks
        self.sample = self._dialect.sample
        self.hint = self._dialect.hint
        # The first row's number is that of its line below the header's first.
        self._first = FilePosition(self._dialect.start, self._dialect.next_line - self.header_line - 1)

    def chunks(self, places: Collection[int], begin: FilePosition | None = None) -> Iterator[RowChunk]:
        """Read on from a place; see TableForm."""
        at = begin or self._first
        row = at.row
        with self._source.open() as file:
            for block in blocks(file, self._scan, self._text_encoding, at.offset, self._size):
                chunk = _Block(block, row, self._dialect.shape).chunk(sorted(places))
                row = chunk.end.row
                yield chunk


class _Block:
    """A block being split; `first` is the number of its first line."""

    def __init__(self, block: TextBlock, first: int, shape: Any) -> None:
        self._block = block
        self._first = first
        self._shape = shape
        data = block.data
        feeds = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _FEED)
        starts = np.concatenate(([0], feeds + 1))
        # Where each line begins, and behind the last one.
        self._starts: NDArray[np.int64] = starts if data.endswith(b"\n") else np.append(starts, len(data))
        self._lines = len(self._starts) - 1
        self._broken: list[BrokenRow] = []

    def chunk(self, places: Sequence[int]) -> RowChunk:
        found = self._by_arrow(places)
        if found is None:
            found = self._by_csv(places)
        columns, lines, following = found
        return RowChunk(
            columns=columns,
            rows=lines + self._first,
            text=lambda nth: self._text(int(lines[nth]), int(following[nth])),
            after=lambda nth: self._place(int(following[nth])),
            end=FilePosition(self._block.end, self._first + self._lines),
            broken=self._broken,
        )

    def _place(self, line: int) -> FilePosition:
        whole = line >= self._lines
        offset = self._block.end if whole else self._block.offset + int(self._starts[line])
        return FilePosition(offset, self._first + line)

    def _text(self, first: int, last: int) -> str:
        data = self._block.data[int(self._starts[first]) : int(self._starts[last])]
        return data.decode(errors="replace").rstrip("\r\n")

    def _by_arrow(
        self, places: Sequence[int]
    ) -> tuple[dict[int, Any], NDArray[np.int64], NDArray[np.int64]] | None:
        """Split lines of which each is a row; None where that is not so."""
        data, shape = self._block.data, self._shape
        plain = (
            b'"' not in data
            and shape.delimiter != SPACE
            and _is_utf8(data)
            and int(np.diff(self._starts).max(initial=0)) <= MAX_LINE
        )
        if not plain or self._block.cut or data[:1] in {b"\n", b"\r"} or b"\n\n" in data or b"\n\r\n" in data:
            return None
        wrong: list[Any] = []
        width = shape.width + shape.extra
        names = [str(place) for place in range(width)]
        wanted = [str(place) for place in places] or names[:1]

        def skip(row: Any) -> str:
            wrong.append(row)
            return "skip"

        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(data),
                read_options=arrow_csv.ReadOptions(
                    column_names=names, use_threads=False, block_size=len(data) + 1
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=shape.delimiter,
                    quote_char=False,
                    double_quote=False,
                    invalid_row_handler=skip,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows + len(wrong) != self._lines or any(each.number is None for each in wrong):
            return None
        lines = np.arange(self._lines, dtype=np.int64)
        if wrong:
            if any(isinstance(split(each.text, shape), list) for each in wrong):
                return None
            self._broken += [
                self._refused(each.text, each.number - 1)
                for each in wrong
                if not each.text.isspace() and each.text != END_OF_TEXT
            ]
            lines = np.delete(lines, [each.number - 1 for each in wrong])
        columns = {place: table.column(str(place)).combine_chunks() for place in places}
        return columns, lines, lines + 1

    def _by_csv(self, places: Sequence[int]) -> tuple[dict[int, Any], NDArray[np.int64], NDArray[np.int64]]:
        kept, rows = list[Record](), list[list[str]]()
        found = list(self._records())
        every = self._together(found)
        for nth, record in enumerate(found):
            cells = every[nth] if every is not None else self._cells(record.text)
            if isinstance(cells, Reason):
                self._broken.append(BrokenRow(self._first + record.line, record.text[:MAX_LINE], cells))
            else:
                kept.append(record)
                rows.append(cells)
        columns = {place: pa.array([cells[place] for cells in rows], pa.string()) for place in places}
        lines = np.array([each.line for each in kept], dtype=np.int64)
        return columns, lines, np.array([each.next for each in kept], dtype=np.int64)

    def _records(self) -> Iterator[Record]:
        data = self._block.data
        text = data.decode(errors="replace")
        lines = [each.removesuffix("\r") for each in text.removesuffix("\n").split("\n")]
        return records(
            lines,
            MAX_LINE,
            quoted=b'"' in data,
            whole=lambda text: isinstance(split(text, self._shape), list),
        )

    def _together(self, found: Sequence[Record]) -> list[list[str]] | None:
        """The cells of all rows at once; None where one of them has no cells, or is too long."""
        shape = self._shape
        if self._block.cut or any(len(each.text) > MAX_LINE for each in found):
            return None
        try:
            rows = list(
                csv.reader(
                    (spaced(each.text, shape.delimiter) for each in found),
                    delimiter=shape.delimiter,
                    strict=True,
                )
            )
        except csv.Error:
            return None
        even = len(rows) == len(found) and all(len(cells) == shape.width for cells in rows)
        return rows if even else None

    def _cells(self, text: str) -> list[str] | Reason:
        if self._block.cut or len(text) > MAX_LINE:
            return Reason(field="row", rule=f"at most {MAX_LINE} characters are needed")
        return split(text, self._shape)

    def _refused(self, text: str, line: int) -> BrokenRow:
        cells = split(text.rstrip("\r"), self._shape)
        reason = cells if isinstance(cells, Reason) else Reason(field="row", rule="CSV is needed")
        return BrokenRow(self._first + line, text.rstrip("\r")[:MAX_LINE], reason)


def _is_utf8(data: bytes) -> bool:
    """Arrow hands rows to its handler as text, and reports there alone that they are none."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
