"""Table files: known readings in .csv, .xlsx or .parquet as a SourceTable."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from rookery.installed import require
from rookery.training.tables.source_table import SourceTable, TrainingDataError, read_csv

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
_FIRST_ROW: Final = 2
"""The line of the first row below a header."""


def read_table(path: Path) -> SourceTable:
    """Read a file by its ending; raises TrainingDataError, and UserError where a package is missing."""
    ending = path.suffix.lower()
    if ending not in SUFFIXES:
        raise TrainingDataError(path, f"a file of {', '.join(SUFFIXES)} is needed")
    if ending not in {".xlsx", ".parquet"}:
        return read_csv(path)
    require(modules=("openpyxl" if ending == ".xlsx" else "pyarrow",))
    from rookery.frames.errors import BadTableError  # noqa: PLC0415  an extra
    from rookery.frames.tables import parquet_file, xlsx_file  # noqa: PLC0415  likewise

    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found = xlsx_file.read(path) if ending == ".xlsx" else parquet_file.read(path)
    except BadTableError as error:
        raise TrainingDataError(path, str(error)) from None
    except OSError as error:
        raise TrainingDataError(path, error.strerror or str(error)) from None
    lines = range(_FIRST_ROW, _FIRST_ROW + found.rows)
    return SourceTable(str(path), found.names, found.columns, lines, digest)
