"""Join: the rows of a published file in their order, all their columns, and what the worker predicted beside each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError
from rookery.frames.errors import BadTableError
from rookery.frames.tables.files import ending, read_table, write_beside
from rookery.publisher.errors import BadFileError
from rookery.results.export import with_columns
from rookery.results.published_file import published_rows
from rookery.schemas.contract.default import default_compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rookery.frames.tables.table import Table
    from rookery.results.published_file import PublishedRow
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.prediction import Prediction

UNPREDICTED: Final = "no prediction of it was found"


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """How it went: the rows of the file, those with a prediction, and the names of the added columns."""

    rows: int
    predicted: int
    added: tuple[str, ...]


def export_joined(  # noqa: PLR0913  each is said by name
    predictions: Iterable[Prediction],
    file: Path,
    out: Path,
    *,
    id_prefix: str = "",
    contract: CompiledContract | None = None,
    mapping: Mapping[str, str] | None = None,
) -> JoinedFile:
    """Write a published file's rows with the answers behind them: target, probability, out_of_distribution, reason.

    A row is found by its identity. Its reason says why it was not sent, or that no prediction of it was found. Raises UserError.
    """
    try:
        ending(out)
        table = read_table(file, contract or default_compiled(), mapping)
        rows = list(published_rows(file, id_prefix=id_prefix, contract=contract, mapping=mapping))
        added, found = _beside(predictions, rows, table, file)
        names = write_beside(out, table, added, file)
    except (BadTableError, BadFileError) as error:
        raise UserError(f"{error}.") from error
    except OSError as error:
        raise UserError(f"{error.filename or file}: {error.strerror or error}.") from error
    return JoinedFile(table.rows, found, names)


def _beside(
    predictions: Iterable[Prediction], rows: list[PublishedRow], table: Table, file: Path
) -> tuple[dict[str, list[Any]], int]:
    """The added columns, and how many rows have a prediction."""
    if len(rows) != table.rows:
        raise BadTableError(f"{file}: {table.rows} rows were read, and {len(rows)} are published of it")
    places: dict[str, int] = {}
    for nth, row in enumerate(rows):
        if row.reason is None:
            places.setdefault(row.reading_id, nth)
    every, columns = with_columns(predictions)
    answers: list[tuple[Any, ...]] = [(None, None, None)] * len(rows)
    reasons: list[str | None] = [row.reason or UNPREDICTED for row in rows]
    found = 0
    for one in every:
        nth = places.pop(one.reading_id, -1)
        if nth >= 0:
            found += 1
            reasons[nth] = None
            answers[nth] = (one.label, one.probability, one.out_of_distribution)
    names = (columns.target, "probability", "out_of_distribution")
    added = {name: [each[nth] for each in answers] for nth, name in enumerate(names)}
    return {**added, "reason": reasons}, found
