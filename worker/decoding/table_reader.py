"""TableReader: a table that is plainly right as the matrix of its contract's model, in half of pydantic's time.

It reads nothing that the codec refuses, and the same values. It says of nothing what is wrong: then the codec is asked.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.contract.feature import IDENTITY, LARGEST_INTEGER
from rookery.worker.decoding.cell_types import NOT_READ
from rookery.worker.decoding.column_reader import FeatureColumn, IrregularTableError, read_texts
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.feature import Feature

_AT_ONCE: Final = 16_384
"""Cells of a part: its arrays stay in the processor's cache."""


class TableReader:
    """Reads the tables of a contract; immutable."""

    def __init__(self, contract: CompiledContract) -> None:
        """Prepare each column, and the rules that are of all columns together."""
        features = contract.contract.features
        self._contract = contract
        self._columns = [
            FeatureColumn(feature, contract.codes.get(place)) for place, feature in enumerate(features)
        ]
        # A name's place by its JSON, with characters beyond ASCII as they are and escaped.
        self._places = {
            json.dumps(name, ensure_ascii=ascii_only)[1:-1].encode(): place
            for place, name in enumerate(contract.members)
            for ascii_only in (True, False)
        }
        bounds = np.array([_bounds(feature) for feature in features])
        self._least, self._most = bounds[:, 0], bounds[:, 1]
        self._required = [place for place, feature in enumerate(features) if feature.required]
        places = {name: place for place, name in enumerate(contract.names)}
        self._groups = [[places[name] for name in group] for group in contract.groups]

    def read(self, payload: bytes) -> DecodedColumns | None:
        """Read the JSON of a valid table; None where the codec has to find out what it is."""
        try:
            return self._read(payload)
        except NOT_READ:
            return None

    def _read(self, payload: bytes) -> DecodedColumns:
        texts = self._texts(payload)
        width = len(self._columns)
        cells: dict[int, list[bytes]] = {}
        lengths = set()
        for place, text in texts.items():
            if place < width:
                cells[place], rows = self._columns[place].read(text)
                lengths.add(rows)
                step_aside()
        others = {
            name: read_texts(name, texts[place]) if place in texts else None
            for place, name in enumerate(IDENTITY, width)
        }
        lengths.update(len(column) for column in others.values() if column is not None)
        rows = lengths.pop()
        if lengths or not rows:
            raise IrregularTableError
        absent = [_NAN * rows]
        packed = chain.from_iterable(cells.get(place, absent) for place in range(width))
        exact = np.frombuffer(b"".join(packed)).reshape(width, rows)
        self._check(exact)
        return DecodedColumns(
            payload=payload, contract=self._contract, exact=exact, matrix=_matrix(exact), **others
        )

    def _texts(self, payload: bytes) -> dict[int, bytes]:
        """Cut `{"a":[7,null],"b":["x",null]}` into the text of each column by its place.

        A bracket inside of a text makes a piece that no name begins, or cells that are never read.
        """
        texts: dict[int, bytes] = {}
        find = payload.find
        before, at = b'{"', 0
        while payload.startswith(before, at):
            begin = find(b'":[', at)
            place = self._places.get(payload[at + 2 : begin])
            end = find(b"]", begin) + 1
            if begin < 0 or not end or place is None or place in texts:
                raise IrregularTableError
            texts[place] = payload[begin + 2 : end]
            before, at = b',"', end
        if payload[at:] != b"}" or not texts:
            raise IrregularTableError
        return texts

    def _check(self, exact: NDArray[np.float64]) -> None:
        """Hold the cells of all features against bounds, required features and groups; raises IrregularTableError."""
        # Where nothing is missing, that is all; NaN is within no bound.
        if (np.minimum.reduce(exact, axis=1) >= self._least).all() and (
            np.maximum.reduce(exact, axis=1) <= self._most
        ).all():
            return
        # A column of nulls alone has neither least nor most: NaN is beyond no bound.
        if (np.fmin.reduce(exact, axis=1) < self._least).any() or (
            np.fmax.reduce(exact, axis=1) > self._most
        ).any():
            raise IrregularTableError
        if self._required and np.isnan(exact[self._required]).any():
            raise IrregularTableError
        for group in self._groups:
            if np.isnan(exact[group[0]]).any() and np.isnan(exact[group]).all(axis=0).any():
                raise IrregularTableError


@lru_cache(maxsize=8)
def table_reader(contract: CompiledContract) -> TableReader:
    """The reader of a contract's tables, made once."""
    return TableReader(contract)


_NAN: Final = np.float64(np.nan).tobytes()


def _bounds(feature: Feature) -> tuple[float, float]:
    if not feature.numeric:
        return -np.inf, np.inf
    least, most, whole = feature.range
    # From 2^53 on a float64 may not be the integer that was written.
    return (max(least, 1 - LARGEST_INTEGER), min(most, LARGEST_INTEGER - 1)) if whole else (least, most)


def _matrix(exact: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn columns into rows of float32, a part after the other."""
    width, rows = exact.shape
    matrix = np.empty((rows, width), dtype=np.float32)
    step = max(1, _AT_ONCE // width)
    for begin in range(0, rows, step):
        part = slice(begin, begin + step)
        matrix[part] = exact[:, part].T
        step_aside()
    return matrix
