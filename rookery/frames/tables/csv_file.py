"""CSV: read as texts, by the delimiter and the encoding that the file has, and written so that no spreadsheet runs a cell."""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING, Any

from rookery.frames.errors import BadTableError
from rookery.frames.tables.table import Table, text
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.csv.header import column_names
from rookery.publisher.files.csv.profile import profile_of
from rookery.publisher.files.source import FileSource
from rookery.schemas.output import spreadsheet
from rookery.schemas.output.permissions import opener

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rookery.schemas.contract.compiled import CompiledContract


def read(path: Path, contract: CompiledContract, mapping: Mapping[str, str] | None = None) -> Table:
    """Read a file; raises BadTableError with every reason, and OSError."""
    source = FileSource.of(path)
    try:
        profile = profile_of(source, column_names(contract), mapping)
        with source.open() as file:
            mark = file.read(profile.start).startswith(codecs.BOM_UTF8)
            lines = io.TextIOWrapper(file, encoding=profile.encoding, newline="")
            names = list(profile.columns.names)
            found = csv.reader(lines, delimiter=profile.delimiter, strict=True)
            rows = list(_rows(found, len(names), profile.header_line, path))
    except BadFileError as error:
        raise BadTableError(str(error)) from None
    except (csv.Error, UnicodeError) as error:
        raise BadTableError(f"{path.name} is no CSV file: {error}") from None
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return Table(names, columns, delimiter=profile.delimiter, mark=mark, untyped=True)


def _rows(found: Any, width: int, before: int, path: Path) -> Iterator[Sequence[str]]:
    """Yield the rows that are not blank, an empty last cell too many cut off."""
    for row in found:
        cells = row[:-1] if len(row) == width + 1 and not row[-1] else row
        if not cells:
            continue
        if len(cells) != width:
            line = before + found.line_num
            raise BadTableError(
                f"{path.name}, line {line}: {width} cells are needed, as in the header, not {len(cells)}"
            )
        yield cells


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
