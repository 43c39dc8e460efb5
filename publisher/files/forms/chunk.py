"""RowChunk: some rows of a file as columns of texts, and where they stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rookery.publisher.files.resume.position import FilePosition
    from rookery.schemas.rejection import Reason


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be split into cells, with its number, its text and the reason."""

    row: int
    text: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class RowChunk:
    """Rows by their numbers, each of `columns` (by its place in the header) an Arrow array of as many texts; null is an empty cell.

    `text` writes a row as it stands in the file, or as CSV where the file holds no text; `after` is the place behind a row, both by
    the row's position in this chunk. `broken` are rows that are not in the columns, and `end` is behind all of them.
    """

    columns: Mapping[int, Any]
    rows: NDArray[np.int64]
    text: Callable[[int], str]
    after: Callable[[int], FilePosition]
    end: FilePosition
    broken: Sequence[BrokenRow] = ()


class TableForm(Protocol):
    """A file of one form, opened: what it says of itself, and its rows.

    `header` are the names of its columns, `header_line` the line (or row of a sheet) that they stand in, 0 where there is none, and
    `rows` about how many rows follow. `delimiter` and `encoding` are those of the file that its bad rows go to. `remarks` say what was
    recognised that a user should know, and `hint` where the header was found and which options read another. `sample` are the first
    rows.
    """

    @property
    def header(self) -> Sequence[str]: ...  # noqa: D102  see above
    @property
    def header_line(self) -> int: ...  # noqa: D102  see above
    @property
    def rows(self) -> int: ...  # noqa: D102  see above
    @property
    def delimiter(self) -> str: ...  # noqa: D102  see above
    @property
    def encoding(self) -> str: ...  # noqa: D102  see above
    @property
    def remarks(self) -> Sequence[str]: ...  # noqa: D102  see above
    @property
    def hint(self) -> str: ...  # noqa: D102  see above
    @property
    def sample(self) -> Sequence[Sequence[str]]: ...  # noqa: D102  see above

    def chunks(self, places: Collection[int], begin: FilePosition | None) -> Iterator[RowChunk]:
        """Read on from a place, the columns that are asked for."""
