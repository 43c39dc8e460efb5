"""TableReader: a table that is plainly right as the matrix of its contract's model, in half of pydantic's time.

It reads nothing that the codec refuses, and the same values. It says of nothing what is wrong: then the codec is asked.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.contract.feature import IDENTITY
from rookery.worker.decoding.cell_types import NOT_READ
from rookery.worker.decoding.column_reader import FeatureColumn, IrregularTableError, read_texts
from rookery.worker.decoding.column_rules import ColumnRules, matrix_of
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import CompiledContract


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
        self._rules = ColumnRules(contract)

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
        self._rules.check(exact)
        return DecodedColumns(
            contract=self._contract, exact=exact, matrix=matrix_of(exact), present=frozenset(cells), **others
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


@lru_cache(maxsize=8)
def table_reader(contract: CompiledContract) -> TableReader:
    """The reader of a contract's tables, made once."""
    return TableReader(contract)


_NAN: Final = np.float64(np.nan).tobytes()
