"""Export: predictions as one .csv, .xlsx or .parquet file, which is there whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError
from rookery.schemas.output import spreadsheet
from rookery.schemas.output.extras import install_hint
from rookery.schemas.output.permissions import ensure_file, file_mode, opener
from rookery.schemas.reading import SPECIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rookery.results.id_set import Labels
    from rookery.schemas.prediction import Prediction

_GROUP: Final = 50_000


def _share_of(species: str) -> Callable[[Prediction], Any]:
    return lambda one: one.shares.get(species)


FIELDS: Final[dict[str, Callable[[Prediction], Any]]] = {
    "reading_id": lambda one: one.reading_id,
    "message_id": lambda one: one.message_id,
    "row": lambda one: one.row,
    "device_id": lambda one: one.device_id,
    "observed_at": lambda one: one.observed_at,
    "species": lambda one: one.label,
    "probability": lambda one: one.probability,
    **{f"probability_{each.lower()}": _share_of(each) for each in SPECIES},
    "out_of_distribution": lambda one: one.out_of_distribution,
    "missing": lambda one: "|".join(one.missing),
    "model": lambda one: one.model,
    "published_at": lambda one: one.published_at,
    "predicted_at": lambda one: one.predicted_at,
}
"""The columns of a prediction, and how each is read from it."""

LABEL: Final = "known_species"
COLUMNS: Final = (*FIELDS, LABEL)
"""The columns of an export; the last one is empty where no labels were given."""


def export(predictions: Iterable[Prediction], out: Path, *, labels: Labels) -> int:
    """Write them as the ending of `out` says, .csv, .xlsx or .parquet; returns how many. Raises UserError."""
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        raise UserError(f"{out}: a name that ends in .csv, .xlsx or .parquet is needed.")
    with _whole(out) as unfinished:
        return write((_row(one, labels) for one in predictions), unfinished)


def _row(one: Prediction, labels: Labels) -> list[Any]:
    return [*(read(one) for read in FIELDS.values()), labels[one.reading_id]]


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


def _csv(rows: Iterable[list[Any]], out: Path) -> int:
    with open(out, "w", newline="", encoding="utf-8", opener=opener()) as file:
        file.write(f"{spreadsheet.row(COLUMNS)}\n")
        count = 0
        for row in rows:
            cells = [each.isoformat() if hasattr(each, "isoformat") else each for each in row]
            file.write(f"{spreadsheet.row(cells)}\n")
            count += 1
    return count


def _xlsx(rows: Iterable[list[Any]], out: Path) -> int:
    from rookery.frames.errors import BadTableError  # noqa: PLC0415  an extra of its own
    from rookery.frames.tables import xlsx_file  # noqa: PLC0415  the same

    try:
        return xlsx_file.write(out, COLUMNS, rows)
    except BadTableError as error:
        raise UserError(f"{error}.") from error


def _parquet(rows: Iterable[list[Any]], out: Path) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra of its own
        from pyarrow import parquet  # noqa: PLC0415  the same
    except ImportError as error:
        raise UserError("Parquet needs pyarrow.", hint=install_hint(error.name)) from None
    moment = pa.timestamp("us", tz="UTC")
    kinds = dict.fromkeys(COLUMNS, pa.string())
    kinds |= {name: pa.float64() for name in COLUMNS if name.startswith("probability")}
    kinds |= {"row": pa.int64(), "out_of_distribution": pa.bool_()}
    kinds |= dict.fromkeys(("observed_at", "published_at", "predicted_at"), moment)
    schema = pa.schema(list(kinds.items()))
    count, waiting = 0, iter(rows)
    # Made before Arrow would.
    ensure_file(out, file_mode())
    with parquet.ParquetWriter(str(out), schema, compression="zstd") as writer:
        while group := list(islice(waiting, _GROUP)):
            columns = dict(zip(COLUMNS, map(list, zip(*group, strict=True)), strict=True))
            writer.write_table(pa.table(columns, schema=schema))
            count += len(group)
    return count


_WRITERS: Final[dict[str, Callable[[Iterable[list[Any]], Path], int]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xlsx": _xlsx,
}
