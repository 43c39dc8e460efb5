"""Splitting: the lines of a block as columns of cells, all at once."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from rookery.publisher.files.csv.cells import UnfitError
from rookery.publisher.files.csv.header import REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.publisher.files.csv.chunks import LineChunk
    from rookery.publisher.files.csv.profile import CsvProfile

NOT_PLAIN: Final = (UnfitError, ValueError, csv.Error)
"""Errors which say that a block has to be read in smaller parts."""


def cells_of(block: LineChunk, profile: CsvProfile) -> Sequence[Sequence[str]]:
    """Cut lines into columns of cells; raises one of NOT_PLAIN where a line has more or fewer of them."""
    width = len(profile.columns.names)
    # In a file of rejected rows an apostrophe may stand before a cell that is none of its own.
    if block.cut or (REJECTED[0] in profile.columns.places and "'" in block.text):
        raise UnfitError
    if '"' in block.text:
        rows = list(csv.reader(block.lines, delimiter=profile.delimiter, strict=True))
        columns = list(zip(*rows, strict=True))
        # An open quote would have swallowed lines.
        if len(rows) != len(block.rows) or len(columns) != width:
            raise UnfitError
        return columns
    # All lines at once, an end of line between them as a cell of its own: where each has as many cells as
    # it should have, these ends stand at equal distances.
    end = f"{profile.delimiter}\n{profile.delimiter}"
    cells = block.text.replace("\n", end).split(profile.delimiter)
    lines = len(block.rows)
    if len(cells) != lines * (width + 1) - 1 or cells[width :: width + 1].count("\n") != lines - 1:
        raise UnfitError
    return [cells[place :: width + 1] for place in range(width)]
