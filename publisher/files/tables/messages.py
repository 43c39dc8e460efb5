"""TableMessages: a file as messages: single readings, or tables at speed.

A chunk of rows is validated column by column; rows with anything odd are read one by one, so that a bad row costs its neighbours
nothing. The others are cut into tables, each of which the contract validates once more as a worker does.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError
from pydantic_core import to_json

from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.files.tables.columns import ColumnEncoder
from rookery.publisher.files.tables.size import LEAST_BYTES, TABLE_BYTES, TABLE_ROWS, boundaries
from rookery.publisher.message import MAX_PAYLOAD
from rookery.schemas.codec import encode
from rookery.schemas.contract.reading_classes import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rookery.publisher.files.forms.chunk import RowChunk
    from rookery.publisher.files.reading_file import ReadingFile
    from rookery.publisher.files.resume.position import FilePosition
    from rookery.schemas.contract.reading_classes import AnyReading

_NULL: Final = "null"


class TableMessages:
    """Reads a file from a place on; every method raises as `ReadingFile.profile` does. `counts` are those of all that was read."""

    def __init__(self, file: ReadingFile) -> None:
        self._file = file
        self._encoder = ColumnEncoder(file)
        self.counts = self._encoder.counts

    def singles(self, begin: FilePosition | None = None) -> Iterator[EncodedMessage | BadRow]:
        """One reading a message; the position follows each, as a message of no rows."""
        for chunk in self._file.chunks(begin):
            for each in self._file.reader.every(chunk):
                if isinstance(each, BadRow):
                    yield each
                    continue
                first = str(each.reading.reading_id)
                yield EncodedMessage(payload=encode(each.reading), rows=1, first=first)
            yield EncodedMessage(end=chunk.end)

    def tables(
        self,
        begin: FilePosition | None = None,
        *,
        table_bytes: int = TABLE_BYTES,
        most_rows: int = TABLE_ROWS,
    ) -> Iterator[EncodedMessage | BadRow]:
        """Tables of about so many bytes; the bad rows of a table come before it.

        Raises ValueError for bounds that no table can keep.
        """
        if not 1 <= most_rows <= MAX_ROWS or not LEAST_BYTES <= table_bytes <= MAX_PAYLOAD:
            raise ValueError(
                f"1 to {MAX_ROWS} rows and {LEAST_BYTES} to {MAX_PAYLOAD} bytes a table are possible"
            )
        for chunk in self._file.chunks(begin):
            yield from self._tables(chunk, table_bytes, most_rows)

    def _tables(self, chunk: RowChunk, table_bytes: int, most_rows: int) -> Iterator[EncodedMessage | BadRow]:
        json, positions, bad = self._usable(chunk)
        waiting = iter(sorted(bad, key=lambda each: each.line))
        following = next(waiting, None)
        ends = boundaries(_sizes(json, len(positions)), table_bytes, most_rows)
        joined = {name: _joined(cells, ends) for name, cells in json.items()}
        ids = json["reading_id"]
        for nth, (first, last) in enumerate(pairwise(ends)):
            while following is not None and following.line < self._file.line(
                int(chunk.rows[positions[last - 1]])
            ):
                yield following
                following = next(waiting, None)
            payload = _payload({name: texts[nth] for name, texts in joined.items()})
            yield from self._checked(
                payload, last - first, ids[first].as_py()[1:-1], chunk, positions[first:last]
            )
            if last != ends[-1]:
                yield EncodedMessage(end=chunk.after(int(positions[last - 1])))
        while following is not None:
            yield following
            following = next(waiting, None)
        yield EncodedMessage(end=chunk.end)

    def _usable(self, chunk: RowChunk) -> tuple[dict[str, Any], NDArray[np.int64], list[BadRow]]:
        """The JSON of the usable rows, their positions in the chunk, and the bad rows."""
        encoded = self._encoder.encode(chunk)
        bad = [self._file.reader.broken(each) for each in chunk.broken]
        usable = ~encoded.odd
        if not encoded.odd.any():
            return encoded.json, np.arange(len(usable)), bad
        json = encoded.json
        single: dict[int, AnyReading] = {}
        for nth in np.flatnonzero(encoded.odd).tolist():
            found = self._file.reader.read(chunk, nth)
            if isinstance(found, BadRow):
                bad.append(found)
            elif found is not None:
                single[nth] = found.reading
        if single:
            usable[list(single)] = True
            json = {name: _replaced(cells, name, single) for name, cells in json.items()}
        keep = pa.array(usable)
        return {name: cells.filter(keep) for name, cells in json.items()}, np.flatnonzero(usable), bad

    def _checked(
        self, payload: bytes, rows: int, first: str, chunk: RowChunk, positions: NDArray[np.int64]
    ) -> Iterator[EncodedMessage | BadRow]:
        """Validate a table by the contract itself; where the columns let something through, its rows go alone."""
        try:
            self._file.contract.table.model_validate_json(payload)
        except ValidationError:
            for nth in positions.tolist():
                found = self._file.reader.read(chunk, nth)
                if isinstance(found, BadRow):
                    yield found
                elif found is not None:
                    name = str(found.reading.reading_id)
                    yield EncodedMessage(payload=encode(found.reading), rows=1, first=name)
            return
        yield EncodedMessage(payload=payload, rows=rows, first=first)


def _replaced(cells: Any, name: str, readings: dict[int, AnyReading]) -> Any:
    """The JSON of a column with that of some readings, by position, in it."""
    mask = np.zeros(len(cells), dtype=bool)
    mask[list(readings)] = True
    texts = [
        None if (value := readings[nth].fields[name]) is None else to_json(value).decode()
        for nth in sorted(readings)
    ]
    return pc.replace_with_mask(cells, pa.array(mask), pa.array(texts, pa.string()))


def _sizes(json: dict[str, Any], rows: int) -> NDArray[np.int64]:
    """The bytes of each row in JSON."""
    total = np.full(rows, len(json), dtype=np.int64)
    for cells in json.values():
        total += np.asarray(pc.fill_null(pc.binary_length(cells), len(_NULL)))
    return total


def _joined(cells: Any, ends: list[int]) -> list[str]:
    """The JSON of a column for each table, values with commas between."""
    known = pc.fill_null(cells, _NULL)
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), known)
    texts: list[str] = pc.binary_join(lists, ",").to_pylist()
    return texts


def _payload(columns: dict[str, str]) -> bytes:
    """The JSON of a table; a column of nothing but null is left out."""
    members = (f"{to_json(name).decode()}:[{text}]" for name, text in columns.items() if text.strip("nul,"))
    return ("{" + ",".join(members) + "}").encode()
