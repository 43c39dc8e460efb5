"""TrainingData: known readings as the model sees them by its contract, or every reason why the file is unusable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import ValidationError
from pydantic_core import to_json

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.rejection import reason
from rookery.training.tables.source_table import TrainingDataError
from rookery.training.tables.values import known_word, values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.source_table import SourceTable

FEWEST: Final = 10
"""Readings of each label without which nothing can be learned and cross-validated."""

_CHUNK: Final = 20_000
"""Rows that are validated at once."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Known readings: features (readings, features) float32 with NaN for missing, labels (readings,) as positions in the contract's.

    `left_out` counts rows without a label or without what a reading needs one of; `digest` is the sha256 of the whole file.
    """

    contract: Contract
    matrix: NDArray[np.float32]
    labels: NDArray[np.intp]
    left_out: int
    digest: str

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, rows: NDArray[np.intp]) -> TrainingData:
        """Some of the readings."""
        return replace(self, matrix=self.matrix[rows], labels=self.labels[rows])

    @property
    def measured(self) -> NDArray[np.float64]:
        """The columns of the contract's measurements."""
        return columns_of(self.contract, self.matrix, [each.name for each in self.contract.measurements])


def columns_of(contract: Contract, matrix: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float64]:
    """The columns of some features, as doubles."""
    place = {name: column for column, name in enumerate(contract.names)}
    return matrix[:, [place[name] for name in names]].astype(np.float64)


def training_data(table: SourceTable, contract: Contract, *, label: str | None = None) -> TrainingData:
    """Encode a table by a contract, its label column named by the contract where it is not here; raises TrainingDataError."""
    names = [label] if label else [contract.target, *contract.target_aliases]
    columns = known_columns(table, contract)
    wrong = [f"column {name} is needed, once" for name in contract.names if name not in columns]
    target = place_of(table, names)
    if target is None:
        wrong.insert(0, f"column {names[0]} is needed, once")
    if wrong or target is None:
        raise TrainingDataError(table.path, *wrong)
    words = [known_word(cell, frozenset(contract.labels)) for cell in table.columns[target]]
    found = [*_unknown_labels(table, contract, words), *refused_cells(table, contract, columns)]
    if found:
        raise TrainingDataError(table.path, *(f"line {line}: {said}" for line, said in sorted(found)))
    return _encoded(table, contract, columns, words)


def _encoded(
    table: SourceTable, contract: Contract, columns: Mapping[str, list[Any]], words: Sequence[str | None]
) -> TrainingData:
    matrix = CompiledContract(contract).columns_matrix(columns, len(table))
    code = {name: place for place, name in enumerate(contract.labels)} | {None: -1}
    labels = np.array([code[each] for each in words], dtype=np.intp)
    kept = labels >= 0
    for group in groups_of(contract):
        kept &= ~np.isnan(matrix[:, group]).all(axis=1)
    data = TrainingData(contract, matrix[kept], labels[kept], int((~kept).sum()), table.digest)
    if wrong := _too_few(data):
        raise TrainingDataError(table.path, *wrong)
    return data


def groups_of(contract: Contract) -> list[list[int]]:
    """The columns of each group of features of which a reading must have one."""
    place = {name: column for column, name in enumerate(contract.names)}
    return [[place[name] for name in group] for group in contract.at_least_one_of]


def known_columns(table: SourceTable, contract: Contract) -> dict[str, list[Any]]:
    """The cells of each feature that the table has, by the feature's name or one of its aliases."""
    found = {}
    for feature in contract.features:
        place = place_of(table, [feature.name, *feature.aliases])
        if place is not None:
            found[feature.name] = values(table.columns[place], feature)
    return found


def place_of(table: SourceTable, names: Iterable[str]) -> int | None:
    """The one column of the first name that is there once; in another case or with other blanks at last."""
    for plain in (str, _plain):
        header = [plain(each) for each in table.names]
        for name in map(plain, names):
            if header.count(name) == 1:
                return header.index(name)
            if name in header:
                return None
    return None


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _unknown_labels(
    table: SourceTable, contract: Contract, words: Sequence[str | None]
) -> list[tuple[int, str]]:
    known = {*contract.labels, None}
    needed = f"{contract.target}: one of {', '.join(contract.labels)} is needed"
    return [
        (line, f'{needed} ("{each}")')
        for line, each in zip(table.lines, words, strict=True)
        if each not in known
    ]


def refused_cells(
    table: SourceTable, contract: Contract, columns: Mapping[str, list[Any]]
) -> list[tuple[int, str]]:
    """Each cell that the contract refuses, as the line that it stands in and what is wrong with it."""
    compiled = CompiledContract(contract)
    found = []
    for first in range(0, len(table), _CHUNK):
        cells = {name: column[first : first + _CHUNK] for name, column in columns.items()}
        try:
            compiled.validate_rows(to_json(cells))
        except ValidationError as error:
            for each in error.errors(include_url=False):
                name, row = str(each["loc"][0]), int(each["loc"][1])
                said = reason(each, field=name)
                found.append((table.lines[first + row], f"{name}: {said.rule} ({said.value})"))
    return found


def _too_few(data: TrainingData) -> list[str]:
    counts = np.bincount(data.labels, minlength=len(data.contract.labels)).tolist()
    return [
        f"{FEWEST} readings of {name} are needed, the file has {count}"
        for name, count in zip(data.contract.labels, counts, strict=True)
        if count < FEWEST
    ]
