"""Export: predictions as one .csv, .xlsx or .parquet file, which is there whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError
from rookery.schemas.contract.default import default_contract
from rookery.schemas.output import spreadsheet
from rookery.schemas.output.extras import install_hint
from rookery.schemas.output.permissions import ensure_file, file_mode, opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from rookery.results.id_set import Labels
    from rookery.schemas.prediction import Prediction

_GROUP: Final = 50_000


def _share_of(label: str) -> Callable[[Prediction], Any]:
    return lambda one: one.shares.get(label)


@dataclass(frozen=True, slots=True)
class ExportColumns:
    """The columns of predictions of a target, with a probability for each label."""

    target: str
    labels: tuple[str, ...]

    @property
    def _names(self) -> tuple[str, ...]:
        """The labels in small letters, where that leaves them different."""
        small = tuple(label.lower() for label in self.labels)
        return small if len({*small}) == len(small) else self.labels

    @property
    def readers(self) -> dict[str, Callable[[Prediction], Any]]:
        """Each column's name, and how it is read from a prediction."""
        return {
            "reading_id": lambda one: one.reading_id,
            "message_id": lambda one: one.message_id,
            "row": lambda one: one.row,
            "device_id": lambda one: one.device_id,
            "observed_at": lambda one: one.observed_at,
            self.target: lambda one: one.label,
            "probability": lambda one: one.probability,
            **{
                f"probability_{name}": _share_of(label)
                for name, label in zip(self._names, self.labels, strict=True)
            },
            "out_of_distribution": lambda one: one.out_of_distribution,
            "missing": lambda one: "|".join(one.missing),
            "model": lambda one: one.model,
            "published_at": lambda one: one.published_at,
            "predicted_at": lambda one: one.predicted_at,
        }


def with_columns(predictions: Iterable[Prediction]) -> tuple[Iterator[Prediction], ExportColumns]:
    """Predictions with their columns, as the first one says; those of the default contract where there is none."""
    every = iter(predictions)
    first = next(every, None)
    if first is None:
        contract = default_contract()
        return every, ExportColumns(contract.target, contract.labels)
    return chain((first,), every), ExportColumns(first.target, tuple(first.shares))


def export(predictions: Iterable[Prediction], out: Path, *, labels: Labels) -> int:
    """Write them as the ending of `out` says, .csv, .xlsx or .parquet; returns how many. Raises UserError.

    The last column is the known label, empty where no labels were given.
    """
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        raise UserError(f"{out}: a name that ends in .csv, .xlsx or .parquet is needed.")
    if write is _parquet:
        # Before the first line is read, which names the columns.
        _pyarrow()
    every, columns = with_columns(predictions)
    readers = columns.readers
    rows = ([*(read(one) for read in readers.values()), labels[one.reading_id]] for one in every)
    with _whole(out) as unfinished:
        return write(rows, (*readers, f"known_{columns.target}"), unfinished)


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _csv(rows: Iterable[list[Any]], columns: Sequence[str], out: Path) -> int:
    with open(out, "w", newline="", encoding="utf-8", opener=opener()) as file:
        file.write(f"{spreadsheet.row(columns)}\n")
        count = 0
        for row in rows:
            cells = [each.isoformat() if hasattr(each, "isoformat") else each for each in row]
            file.write(f"{spreadsheet.row(cells)}\n")
            count += 1
    return count


def _xlsx(rows: Iterable[list[Any]], columns: Sequence[str], out: Path) -> int:
    from rookery.frames.errors import BadTableError  # noqa: PLC0415  an extra of its own
    from rookery.frames.tables import xlsx_file  # noqa: PLC0415  the same

    try:
        return xlsx_file.write(out, columns, rows)
    except BadTableError as error:
        raise UserError(f"{error}.") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra of its own
        from pyarrow import parquet  # noqa: PLC0415  the same
    except ImportError as error:
        raise UserError("Parquet needs pyarrow.", hint=install_hint(error.name)) from None
    return pa, parquet


def _parquet(rows: Iterable[list[Any]], columns: Sequence[str], out: Path) -> int:
    pa, parquet = _pyarrow()
    moment = pa.timestamp("us", tz="UTC")
    kinds = dict.fromkeys(columns, pa.string())
    kinds |= {name: pa.float64() for name in columns if name.startswith("probability")}
    kinds |= {"row": pa.int64(), "out_of_distribution": pa.bool_()}
    kinds |= dict.fromkeys(("observed_at", "published_at", "predicted_at"), moment)
    schema = pa.schema(list(kinds.items()))
    count, waiting = 0, iter(rows)
    # Made before Arrow would.
    ensure_file(out, file_mode())
    with parquet.ParquetWriter(str(out), schema, compression="zstd") as writer:
        while group := list(islice(waiting, _GROUP)):
            cells = dict(zip(columns, map(list, zip(*group, strict=True)), strict=True))
            writer.write_table(pa.table(cells, schema=schema))
            count += len(group)
    return count


_WRITERS: Final[dict[str, Callable[[Iterable[list[Any]], Sequence[str], Path], int]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xlsx": _xlsx,
}
