"""RowsInMemory: the rows of a sheet or of a list of objects, which stand in memory as texts, in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from rookery.publisher.files.forms.chunk import RowChunk
from rookery.publisher.files.resume.position import FilePosition
from rookery.schemas.output import spreadsheet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

CHUNK_ROWS: Final = 10_000


def chunks_of(
    rows: Iterable[Sequence[str | None]], places: Collection[int], begin: FilePosition | None
) -> Iterator[RowChunk]:
    """Cut rows into chunks, those before a place left out; None is an empty cell, and a row without any is left out."""
    first = begin.row if begin else 0
    kept: list[Sequence[str | None]] = []
    numbers: list[int] = []
    number = -1
    for number, cells in enumerate(rows):
        if number < first or not any(cell and not cell.isspace() for cell in cells):
            continue
        kept.append(cells)
        numbers.append(number)
        if len(kept) == CHUNK_ROWS:
            yield _chunk(kept, numbers, places, number + 1)
            kept, numbers = [], []
    if kept or number + 1 > first:
        yield _chunk(kept, numbers, places, number + 1)


def _chunk(
    rows: list[Sequence[str | None]], numbers: list[int], places: Collection[int], end: int
) -> RowChunk:
    return RowChunk(
        columns={place: pa.array([cells[place] for cells in rows], pa.string()) for place in places},
        rows=np.array(numbers, dtype=np.int64),
        text=lambda nth: spreadsheet.row(["" if cell is None else cell for cell in rows[nth]]),
        after=lambda nth: FilePosition(0, numbers[nth] + 1),
        end=FilePosition(0, end),
    )
