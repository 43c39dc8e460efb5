"""EncodedSample: the readings of a sample as an adopted model sees them, and what is learned from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.registry.adoption.saved_form import NotAdoptableError
from rookery.schemas.contract.compiled import CompiledContract
from rookery.training.tables.data import TrainingData, known_columns, place_of, refused_cells
from rookery.training.tables.values import known_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.registry.adoption.booster import StandardBooster
    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.source_table import SourceTable

MOST_ROWS: Final = 20_000
"""Rows of a sample that are used, the first ones."""

_CLEARLY: Final = 0.1
"""How much more accurate another order of the labels has to be to be the right one."""


@dataclass(frozen=True, slots=True)
class EncodedSample:
    """Features (rows, features) float32, labels (rows,) as positions in the contract's, -1 where unknown, or None without any."""

    matrix: NDArray[np.float32]
    labels: NDArray[np.intp] | None


def encoded(sample: SourceTable, contract: Contract, label: str | None) -> EncodedSample:
    """Encode a sample by a contract; raises NotAdoptableError where the contract refuses some of it."""
    columns = {name: column[:MOST_ROWS] for name, column in known_columns(sample, contract).items()}
    few = sample.first(MOST_ROWS)
    if absent := [name for name in contract.names if name not in columns]:
        raise NotAdoptableError(
            f"the sample has no column {', '.join(absent[:10])}", needed="Each feature needs a column."
        )
    if wrong := refused_cells(few, contract, columns):
        shown = "; ".join(f"line {line}: {said}" for line, said in wrong[:5])
        raise NotAdoptableError(
            f"the contract refuses {len(wrong)} cells of the sample: {shown}",
            needed="Correct the contract or the sample.",
        )
    matrix = CompiledContract(contract).columns_matrix(columns, len(few))
    names = [label] if label else [contract.target, *contract.target_aliases]
    place = place_of(few, names)
    return EncodedSample(matrix, None if place is None else _labels(few, place, contract))


def _labels(sample: SourceTable, place: int, contract: Contract) -> NDArray[np.intp]:
    code: dict[str | None, int] = {name: position for position, name in enumerate(contract.labels)}
    known = frozenset(contract.labels)
    words = [known_word(cell, known) for cell in sample.columns[place]]
    if unknown := sorted({each for each in words if each is not None and each not in code}):
        raise NotAdoptableError(
            f"label {unknown[0]} of the sample is none of the contract's",
            needed="Correct the contract or the sample.",
        )
    return np.array([code.get(each, -1) for each in words], dtype=np.intp)


@dataclass(frozen=True, slots=True)
class LabelFit:
    """The share of a sample's labels that the model answers, and the order of labels that fits clearly better, if one does."""

    share: float
    order: tuple[int, ...] | None
    ordered_share: float


def label_fit(standard: StandardBooster, sample: EncodedSample) -> LabelFit | None:
    """Compare the model's answers with the sample's labels; None where it has none."""
    if sample.labels is None or not (known := sample.labels >= 0).any():
        return None
    answers = standard.predict_proba(sample.matrix[known]).argmax(axis=1)
    pairs = np.zeros((standard.labels, standard.labels), dtype=np.int64)
    np.add.at(pairs, (answers, sample.labels[known]), 1)
    share = float(pairs.trace() / pairs.sum())
    order = tuple(pairs.argmax(axis=1).tolist())
    ordered = float(pairs.max(axis=1).sum() / pairs.sum())
    clear = len({*order}) == standard.labels and ordered > share + _CLEARLY
    return LabelFit(share, order if clear else None, ordered)


def reordered(sample: EncodedSample, order: tuple[int, ...]) -> EncodedSample:
    """The sample with its labels as positions in another order of them."""
    if sample.labels is None:
        return sample
    place = np.argsort(order)
    return replace(sample, labels=np.where(sample.labels >= 0, place[sample.labels], -1))


def as_training_data(standard: StandardBooster, sample: EncodedSample, contract: Contract) -> TrainingData:
    """The sample as known readings, labelled by the model where it has no labels of its own."""
    labels = standard.predict_proba(sample.matrix).argmax(axis=1)
    if sample.labels is not None:
        labels = np.where(sample.labels >= 0, sample.labels, labels)
    return TrainingData(contract, sample.matrix, labels, 0, "")
