"""SourceTable: the columns of a file of known readings, as the file has them."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SHOWN: Final = 10
_DELIMITERS: Final = ",;\t|"


class TrainingDataError(ValueError):
    """The file cannot be trained on; carries every reason and shows the first ten."""

    def __init__(self, path: Path | str, *reasons: str) -> None:
        more = f"\n  and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        super().__init__(
            f"{path} cannot be trained on:" + "".join(f"\n  {each}" for each in reasons[:_SHOWN]) + more
        )
        self.path = path
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class SourceTable:
    """Columns of equal length under the names of a header, which may repeat; an empty cell is None or "".

    `lines` are the rows' line numbers in the file, `digest` is the sha256 of the whole file.
    """

    path: str
    names: Sequence[str]
    columns: Sequence[Sequence[Any]]
    lines: Sequence[int]
    digest: str

    def __len__(self) -> int:
        return len(self.lines)

    def first(self, rows: int) -> SourceTable:
        """The table's first rows."""
        return replace(self, columns=[each[:rows] for each in self.columns], lines=self.lines[:rows])

    def only(self, place: int) -> SourceTable:
        """The table of one of the columns."""
        return replace(self, names=[self.names[place]], columns=[self.columns[place]])


def read_csv(path: Path) -> SourceTable:
    """Read UTF-8 text, cells divided by comma, semicolon, tab or bar as in the header; raises TrainingDataError."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise TrainingDataError(path, error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise TrainingDataError(path, f"it is no UTF-8 text: {error.reason} at byte {error.start}") from None
    header, *rows = _rows(path, text) or [(0, [])]
    lines = [line for line, _ in rows]
    columns = list(zip(*(cells for _, cells in rows), strict=True)) or [()] * len(header[1])
    return SourceTable(str(path), header[1], columns, lines, hashlib.sha256(raw).hexdigest())


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """The header and each row with its line number; raises TrainingDataError where a row has other cells than the header."""
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        return list(_checked(path, lines))
    except csv.Error as error:
        raise TrainingDataError(path, f"line {lines.line_num}: it is no CSV: {error}") from None


def _checked(path: Path, lines: Any) -> Iterator[tuple[int, list[str]]]:
    width = 0
    for cells in lines:
        if not cells and width != 1:
            continue
        cells = cells or [""]  # noqa: PLW2901  a blank line of a single column is an empty cell
        width = width or len(cells)
        if len(cells) != width:
            reason = f"line {lines.line_num}: {width} cells are needed, this row has {len(cells)}"
            raise TrainingDataError(path, reason)
        yield lines.line_num, cells
