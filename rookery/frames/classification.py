"""Classification of a file: the rows of a table in their order, all their columns, and the prediction of each beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.errors import BadTableError
from rookery.frames.libraries import library
from rookery.frames.prediction import classifier, predictions
from rookery.frames.rows import FrameRows
from rookery.frames.tables.files import ending, read_table, write_beside
from rookery.publisher.errors import BadFileError
from rookery.publisher.files.columns.header import header_of
from rookery.publisher.files.columns.names import field_names
from rookery.publisher.files.options import FileOptions
from rookery.schemas.contract.feature import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rookery.frames.tables.table import Table
    from rookery.schemas.contract.compiled import CompiledContract

ADDED: Final = ("probability", "out_of_distribution", "reason")
"""The columns behind the table's own and the target."""


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


def classify_file(
    source: Path, out: Path, *, model: str | None = None, mapping: Mapping[str, str] | None = None
) -> ClassifiedFile:
    """Classify the rows of a table by their features; identities and times are copied, not checked.

    Raises BadTableError, OSError, the errors of a model as `predict` does, and ModuleNotFoundError. `out` is there
    whole, or as it was.
    """
    ending(out)
    loaded = classifier(model)
    table = read_table(source, loaded.contract, mapping)
    answered = predictions(_features(source, table, loaded.contract, mapping), loaded)
    names = (loaded.contract.contract.target, *ADDED)
    added = write_beside(out, table, dict(zip(names, _cells(answered, names), strict=True)), source)
    return ClassifiedFile(
        rows=table.rows,
        rejected=int(answered["reason"].notna().sum()),
        outliers=int(answered["out_of_distribution"].fillna(value=False).sum()),
        added=added,
        left_out=table.left_out,
    )


def _features(
    path: Path, table: Table, contract: CompiledContract, mapping: Mapping[str, str] | None
) -> FrameRows:
    try:
        options = FileOptions(mapping=mapping or {})
        header = header_of(path.name, field_names(contract), table.names, options)
    except BadFileError as error:
        raise BadTableError(str(error)) from None
    pandas = library("pandas")
    frame = pandas.DataFrame(
        {nth: pandas.Series(cells, dtype=object) for nth, cells in enumerate(table.columns)}
    )
    places = {name: nth for name, nth in header.places.items() if name not in IDENTITY}
    return FrameRows(frame, places, contract, header.factors)


def _cells(answered: Any, names: Sequence[str]) -> list[list[Any]]:
    """The added columns as plain values, None where a row has none."""
    plain = answered[list(names)].astype(object)
    return [plain[name].where(plain[name].notna(), None).tolist() for name in names]
