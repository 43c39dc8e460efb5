"""CSV: read as texts, by the delimiter and the encoding that the file has, and written so that no spreadsheet runs a cell."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from rookery.frames.errors import BadTableError
from rookery.frames.tables.table import Table, text
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import why
from rookery.publisher.files.reading_file import ReadingFile
from rookery.schemas.output import spreadsheet
from rookery.schemas.output.permissions import opener

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rookery.schemas.contract.compiled import CompiledContract


def read(path: Path, contract: CompiledContract, mapping: Mapping[str, str] | None = None) -> Table:
    """Read a file; raises BadTableError with every reason, and OSError."""
    file = ReadingFile(path, contract=contract, mapping=mapping)
    try:
        profile = file.profile
        with file.source.open() as raw:
            mark = raw.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        columns: list[list[Any]] = [[] for _ in profile.columns.names]
        for chunk in file.texts():
            for broken in chunk.broken:
                said = why(file.reader.broken(broken).reasons).removeprefix("row: ")
                raise BadTableError(f"{path.name}, line {file.line(broken.row)}: {said}")
            texts = [chunk.columns[nth].fill_null("").to_pylist() for nth in range(len(columns))]
            # A row of nothing but signs is blank, as it is for the readings of the file.
            kept = [row for row in zip(*texts, strict=True) if any(map(str.isalnum, "".join(row)))]
            for nth, cells in enumerate(zip(*kept, strict=True)):
                columns[nth] += cells
    except BadFileError as error:
        raise BadTableError(str(error)) from None
    names = list(profile.columns.written)
    return Table(names, columns, delimiter=profile.delimiter, mark=mark, untyped=True)


def write(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]], like: Table | None = None) -> int:
    """Write UTF-8 rows, by the delimiter of the table that they come from; returns how many. Raises OSError."""
    delimiter = "," if like is None else like.delimiter
    count = 0
    encoding = "utf-8-sig" if like is not None and like.mark else "utf-8"
    with open(path, "w", newline="", encoding=encoding, errors="replace", opener=opener()) as file:
        file.write(f"{spreadsheet.row(names, delimiter)}\n")
        for row in rows:
            file.write(f"{spreadsheet.row([_plain(each) for each in row], delimiter)}\n")
            count += 1
    return count


def _plain(cell: Any) -> Any:
    return cell if isinstance(cell, str | bool) else text(cell)
