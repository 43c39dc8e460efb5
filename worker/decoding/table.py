"""DecodedColumns: a table that is plainly right, read from its JSON without an object for any cell of the seven features.

The verdict stays pydantic's: what is not plainly right here is read by the codec, which says what is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import ValidationError

from rookery.schemas.codec import SCHEMA_VERSION, decode_fields
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.features import CATEGORIES, FEATURES
from rookery.schemas.parsing.values import MAX_VALUES
from rookery.schemas.reading import BOUNDS, MEASUREMENTS
from rookery.schemas.table import MAX_ROWS, ReadingTable
from rookery.worker.decoding.cells import IrregularCellsError, JsonCells, Vocabulary, codes, numbers
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

WORTH_BYTES: Final = 4_096
"""Shorter tables are left to the codec, which is done before numpy has begun."""

_PLACES: Final = {name: place for place, name in enumerate(FEATURES)}


@dataclass(slots=True, kw_only=True, eq=False)
class DecodedColumns:
    """A valid table: `exact` (7, n) float64 with NaN for missing and codes for words, `matrix` (n, 7) float32 the same.

    A text column stays a list of its values, or None where it is absent. The arrays must not be changed.
    """

    payload: bytes
    exact: NDArray[np.float64]
    matrix: NDArray[np.float32]
    reading_id: list[str | None] | None
    device_id: list[str | None] | None
    observed_at: list[datetime | None] | None

    def features(self, nth: int) -> dict[str, float | str | None]:
        """One reading's features as they were written."""
        return {
            name: _written(name, value)
            for name, value in zip(FEATURES, self.exact[:, nth].tolist(), strict=True)
        }

    def table(self) -> ReadingTable:
        """The same table as the codec reads it, for what is seldom asked."""
        decoded = decode_fields(self.payload, default_compiled())
        if isinstance(decoded, dict) or decoded.table is None or decoded.refused:
            raise RuntimeError("a table that was plainly right is none")
        return decoded.table


def columns(payload: bytes, *, version: str | None) -> DecodedColumns | None:
    """Read a table that is plainly right; None where the codec has to read it."""
    if len(payload) < WORTH_BYTES or version not in {None, SCHEMA_VERSION}:
        return None
    try:
        return _read(payload)
    except (IrregularCellsError, ValidationError):
        return None


def _read(payload: bytes) -> DecodedColumns:
    texts = _texts(payload)
    first, *_ = texts.values()
    rows = first.count(b",") + 1
    if rows > MAX_ROWS:
        raise IrregularCellsError
    exact, matrix = _arrays({name: text for name, text in texts.items() if name in _PLACES}, rows)
    others = {name: text for name, text in texts.items() if name not in _PLACES}
    return DecodedColumns(payload=payload, exact=exact, matrix=matrix, **_others(others, rows))


def _texts(payload: bytes) -> dict[str, bytes]:
    """Cut `{"year":[2007,null],"sex":["male",null]}` at its brackets: the text of each column's cells by its name.

    A bracket inside of a text makes a piece that no name begins, or cells that are never read.
    """
    *pieces, end = payload.split(b"]", len(_NAMES) + 1)
    texts: dict[str, bytes] = {}
    before = b"{"
    for piece in pieces:
        begin = piece.find(b'":[')
        name = _NAMES.get(piece[2:begin])
        if piece[:2] != before + b'"' or begin < 0 or name is None or name in texts:
            raise IrregularCellsError
        texts[name] = piece[begin + 3 :]
        before = b","
    if end != b"}" or not texts:
        raise IrregularCellsError
    return texts


_NAMES: Final = {name.encode(): name for name in ReadingTable.model_fields}


def _arrays(texts: Mapping[str, bytes], rows: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Read the features, `exact` and `matrix` of Columns, a part of the rows after the other; raises IrregularCellsError."""
    names = [name for name in BOUNDS if name in texts]
    words = tuple(name for name in CATEGORIES if name in texts)
    cells = JsonCells([texts[name] for name in (*names, *words)], rows)
    exact = np.full((len(FEATURES), rows), np.nan)
    matrix = np.empty((rows, len(FEATURES)), dtype=np.float32)
    places = [_PLACES[name] for name in (*names, *words)]
    step = max(1, _AT_ONCE // len(places))
    for part in (slice(start, start + step) for start in range(0, rows, step)):
        step_aside()
        found = [*_numbers(cells, names, part)]
        if words:
            found.extend(codes(cells, slice(len(names), None), part, _vocabulary(words)))
        for place, values in zip(places, found, strict=True):
            exact[place, part] = values
        matrix[part] = exact[:, part].T
    return exact, matrix


_AT_ONCE: Final = 16_384
"""Cells of a part: its arrays stay in the processor's cache."""


@cache
def _vocabulary(names: tuple[str, ...]) -> Vocabulary:
    return Vocabulary([CATEGORIES[name] for name in names])


def _numbers(cells: JsonCells, names: Sequence[str], part: slice) -> NDArray[np.float64]:
    """Read the numbers within their bounds, (columns, rows of the part); raises IrregularCellsError."""
    measured = [nth for nth, name in enumerate(names) if name in MEASUREMENTS]
    if not measured:
        raise IrregularCellsError
    values, fractions = numbers(cells, slice(len(names)), part)
    # A column of nulls alone has neither least nor most: NaN is beyond no bound.
    extremes = np.fmin.reduce(values, axis=1).tolist(), np.fmax.reduce(values, axis=1).tolist()
    for name, least, most, fraction in zip(names, *extremes, fractions, strict=True):
        bounds = BOUNDS[name]
        if least < bounds.least or most > bounds.most or (fraction and bounds.whole):
            raise IrregularCellsError
    if np.isnan(values[measured[0]]).any() and np.isnan(values[measured]).all(axis=0).any():
        raise IrregularCellsError
    return values


def _others(texts: Mapping[str, bytes], rows: int) -> dict[str, Any]:
    """Read the columns of text as the codec does; raises ValidationError, IrregularCellsError."""
    if not texts:
        return dict.fromkeys(_OTHERS)
    if any(
        b"{" in text or (len(text) > MAX_VALUES and text.count(b",") > MAX_VALUES) for text in texts.values()
    ):
        # pydantic makes up to eighty times as many bytes of such.
        raise IrregularCellsError
    members = b",".join(b'"%b":[%b]' % (name.encode(), text) for name, text in texts.items())
    table = ReadingTable.model_validate_json(b"{%b}" % members)
    if table.rows != rows:
        raise IrregularCellsError
    return {name: getattr(table, name) for name in _OTHERS}


_OTHERS: Final = tuple(name for name in ReadingTable.model_fields if name not in _PLACES)


def _written(name: str, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if name in CATEGORIES:
        return CATEGORIES[name][int(value)]
    return int(value) if BOUNDS[name].whole else value
