"""Classification of a file: the rows of a table in their order, all their columns, and the prediction of each beside them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.errors import BadTableError
from rookery.frames.libraries import library
from rookery.frames.prediction import classifier, predictions
from rookery.frames.rows import FrameRows
from rookery.frames.tables import csv_file, parquet_file, xlsx_file
from rookery.frames.tables.table import typed
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.csv.header import column_names
from rookery.schemas.atomic_file import replacing
from rookery.schemas.contract.feature import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rookery.frames.tables.table import Table
    from rookery.schemas.contract.compiled import CompiledContract

CSV: Final = ".csv"
XLSX: Final = ".xlsx"
PARQUET: Final = ".parquet"
ENDINGS: Final = (CSV, XLSX, PARQUET)
ADDED: Final = ("probability", "out_of_distribution", "reason")
"""The columns behind the table's own and the target; where it has one of the name, this one is `predicted_...`."""


@dataclass(frozen=True, slots=True)
class ClassifiedFile:
    """How it went: rows, those with a reason in place of a label, those out of distribution, and the added columns.

    `left_out` counts the sheets of the spreadsheet that were not read.
    """

    rows: int
    rejected: int
    outliers: int
    added: tuple[str, ...]
    left_out: int


def ending(path: Path) -> str:
    """The ending of a table's name, in small letters; raises BadTableError where it is none of ENDINGS."""
    found = path.suffix.lower()
    if found not in ENDINGS:
        raise BadTableError(
            f"{path}: a name that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]} is needed"
        )
    return found


def classify_file(
    source: Path, out: Path, *, model: str | None = None, mapping: Mapping[str, str] | None = None
) -> ClassifiedFile:
    """Classify the rows of a table by their features; identities and times are copied, not checked.

    Raises BadTableError, OSError, the errors of a model as `predict` does, and ModuleNotFoundError. `out` is there
    whole, or as it was.
    """
    written = ending(out)
    if out.exists() and out.samefile(source):
        raise BadTableError(f"{out} is the file that is read: another name is needed")
    loaded = classifier(model)
    table = _read(source, loaded.contract, mapping)
    answered = predictions(_features(source, table, loaded.contract, mapping), loaded)
    names = (loaded.contract.contract.target, *ADDED)
    added = list(zip(_free_names(names, table.names), _cells(answered, names), strict=True))
    try:
        with replacing(out) as unfinished:
            _write(unfinished, written, table, added)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out)) from error
    return ClassifiedFile(
        rows=table.rows,
        rejected=int(answered["reason"].notna().sum()),
        outliers=int(answered["out_of_distribution"].fillna(value=False).sum()),
        added=tuple(name for name, _ in added),
        left_out=table.left_out,
    )


def _read(path: Path, contract: CompiledContract, mapping: Mapping[str, str] | None) -> Table:
    found = ending(path)
    if found == CSV:
        return csv_file.read(path, contract, mapping)
    return xlsx_file.read(path) if found == XLSX else parquet_file.read(path)


def _features(
    path: Path, table: Table, contract: CompiledContract, mapping: Mapping[str, str] | None
) -> FrameRows:
    try:
        places = column_names(contract).columns(path.name, table.names, mapping).places
    except BadFileError as error:
        raise BadTableError(str(error)) from None
    pandas = library("pandas")
    frame = pandas.DataFrame(
        {nth: pandas.Series(cells, dtype=object) for nth, cells in enumerate(table.columns)}
    )
    places = {name: nth for name, nth in places.items() if name not in IDENTITY}
    return FrameRows(frame, places, contract)


def _free_names(added: Sequence[str], taken: Sequence[str]) -> list[str]:
    names = set(taken)
    free = []
    for name in added:
        others = (f"predicted_{name}" if nth == 1 else f"predicted_{name}_{nth}" for nth in count(1))
        free.append(name if name not in names else next(each for each in others if each not in names))
    return free


def _cells(answered: Any, names: Sequence[str]) -> list[list[Any]]:
    """The added columns as plain values, None where a row has none."""
    plain = answered[list(names)].astype(object)
    return [plain[name].where(plain[name].notna(), None).tolist() for name in names]


def _write(path: Path, kind: str, table: Table, added: Sequence[tuple[str, list[Any]]]) -> None:
    if kind == PARQUET:
        parquet_file.write(path, table, added)
        return
    names = [*table.names, *(name for name, _ in added)]
    if kind == CSV:
        csv_file.write(path, names, _rows(table.columns, added), table)
        return
    columns = [list(map(typed, each)) for each in table.columns] if table.untyped else table.columns
    xlsx_file.write(path, names, _rows(columns, added))


def _rows(columns: Sequence[list[Any]], added: Sequence[tuple[str, list[Any]]]) -> Iterator[tuple[Any, ...]]:
    return zip(*columns, *(cells for _, cells in added), strict=True)
