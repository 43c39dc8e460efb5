"""ColumnarFile: Parquet, Feather and Arrow files, record batch by record batch, their values as texts."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather
import pyarrow.parquet

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.forms.chunk import RowChunk
from rookery.publisher.files.forms.recognition import Form
from rookery.publisher.files.resume.position import FilePosition
from rookery.schemas.output import spreadsheet
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import BinaryIO

    from rookery.publisher.files.source import FileSource

_ROWS: Final = 10_000
_SAMPLED: Final = 1_000
_INDEX: Final = "__index_level_"


class ColumnarFile:
    """A file of columns with types; see TableForm. A row's number is its position."""

    delimiter = ","
    encoding = "utf-8"
    header_line = 0
    remarks: Sequence[str] = ()
    hint = ""

    def __init__(self, source: FileSource, form: Form) -> None:
        """Read the names and the first rows; raises BadFileError and OSError."""
        self._source = source
        self._form = form
        with self._opened() as (schema, rows, batches):
            self.header = ["" if name.startswith(_INDEX) else name for name in schema.names]
            self.rows = max(rows, 1)
            first = next(batches(range(len(schema.names))), None)
        columns = (
            [] if first is None else [_texts(each).to_pylist() for each in first.slice(0, _SAMPLED).columns]
        )
        self.sample = [[cell or "" for cell in row] for row in zip(*columns, strict=True)]

    def chunks(self, places: Collection[int], begin: FilePosition | None = None) -> Iterator[RowChunk]:
        """Read on from a place; see TableForm."""
        first, row = begin.row if begin else 0, 0
        with self._opened() as (_, _, batches):
            # Every column is read: a bad row is kept whole.
            for whole in batches(range(len(self.header))):
                passed = min(max(first - row, 0), whole.num_rows)
                row += whole.num_rows
                for start in range(passed, whole.num_rows, _ROWS):
                    part = whole.slice(start, _ROWS)
                    yield _chunk(part, row - whole.num_rows + start, places)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, int, Any]]:
        try:
            with self._source.open() as file, _seekable(file) as plain:
                yield _reader(plain, self._form)
        except (pa.ArrowException, pa.ArrowInvalid) as error:
            rule = f"it is damaged, or no {self._form.value} file: {' '.join(str(error).split())[:200]}"
            raise BadFileError(self._source.name, Reason(field="file", rule=rule)) from None


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or a copy on the disk of one that is unpacked on the way."""
    if hasattr(file, "fileno") and type(file).__module__ == "_io":
        yield file
        return
    with tempfile.TemporaryFile(prefix="rookery-") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.seek(0)
        yield copy


def _reader(file: BinaryIO, form: Form) -> tuple[Any, int, Any]:
    """The schema, the number of rows (0 where it is unknown), and what gives the batches of some columns."""
    if form is Form.PARQUET:
        parquet = pyarrow.parquet.ParquetFile(file)
        return parquet.schema_arrow, parquet.metadata.num_rows, lambda _: parquet.iter_batches(_ROWS)
    if form is Form.ARROW_STREAM:
        stream = pa.ipc.open_stream(file)
        return stream.schema, 0, lambda _: iter(stream)
    if form is Form.FEATHER:
        table = pyarrow.feather.read_table(file)
        return table.schema, table.num_rows, lambda _: iter(table.to_batches())
    ipc = pa.ipc.open_file(file)
    return ipc.schema, 0, lambda _: map(ipc.get_batch, range(ipc.num_record_batches))


def _chunk(part: Any, row: int, places: Collection[int]) -> RowChunk:
    return RowChunk(
        columns={place: _texts(part.column(place)) for place in places},
        rows=np.arange(row, row + part.num_rows, dtype=np.int64),
        text=lambda nth: spreadsheet.row(
            [_texts(each.slice(nth, 1))[0].as_py() or "" for each in part.columns]
        ),
        after=lambda nth: FilePosition(0, row + nth + 1),
        end=FilePosition(0, row + part.num_rows),
    )


def _texts(column: Any) -> Any:
    """A column as texts: numbers with the digits that tell them apart, moments by RFC 3339."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _texts(column.dictionary_decode())
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return _days(column)
    if pa.types.is_floating(kind):
        # 2007.0 is a whole number with a gap somewhere in its column.
        return pc.replace_substring_regex(pc.cast(column, pa.string()), r"^(-?[0-9]+)\.0$", r"\1")
    try:
        return pc.cast(column, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        # Arrow writes neither lists and structs as texts nor bytes that are no UTF-8.
        return pa.array([None if each is None else str(each) for each in column.to_pylist()], pa.string())


def _days(column: Any) -> Any:
    """Moments of no time zone, or days, which a table of pandas keeps as their first moment."""
    return pc.replace_substring_regex(pc.cast(column, pa.string()), r" 00:00:00(\.0+)?$", "")
