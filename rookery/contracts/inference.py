"""Inference: the contract of a table of known readings; a person corrects it in its JSON where it is wrong.

| column | feature |
|---|---|
| `true` and `false` alone, or booleans | flag |
| whole numbers alone, up to 2^53 | integer |
| numbers alone | number |
| up to 100 different texts, in a table of more than 20 rows fewer than half as many as rows | category |
| anything else: ids, dates, free texts, row numbers, columns without a value | none, and a note says so |

Bounds only stop nonsense, for a reading that is far from known ones is flagged as out of distribution: ten times the width of the
known values below and above them, rounded outward to two digits; a constant column has none. No feature is required, and a reading
needs one of them. Labels are the texts of the label column, numbers in their order, other texts in that of the alphabet.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from rookery.schemas.contract.contract import (
    MAX_LABELS,
    RESERVED,
    Contract,
    are_columns,
)
from rookery.schemas.contract.feature import IDENTITY, LARGEST_FLOAT, LARGEST_INTEGER, Feature
from rookery.training.tables.data import place_of
from rookery.training.tables.source_table import TrainingDataError
from rookery.training.tables.values import FLAGS, MISSING, NUMBER, WHOLE, is_nan, known_word, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rookery.training.tables.source_table import SourceTable

MOST_WORDS: Final = 100
FEW_ROWS: Final = 20
WIDTHS: Final = 10
_DIGITS: Final = 2
_FEWEST_LABELS: Final = 2
_ROW_NUMBERS: Final = re.compile(r"|unnamed: [0-9]+|index|row|id", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InferredContract:
    """A contract, and a sentence about each column that is no feature of it."""

    contract: Contract
    notes: tuple[str, ...]


class _NoFeatureError(Exception):
    """A column is no feature; says why."""


def infer(table: SourceTable, label: str, *, name: str) -> InferredContract:
    """Infer a contract from known readings and the column of their labels; raises TrainingDataError with every reason."""
    place = place_of(table, [label])
    if place is None:
        shown = ", ".join(table.names) or "none"
        raise TrainingDataError(table.path, f"column {label} is needed, once; the file has {shown}")
    labels = labels_of(table.columns[place])
    if wrong := _unusable(label, labels):
        raise TrainingDataError(table.path, wrong)
    features, notes = features_of(table, leave_out=place)
    if not features:
        raise TrainingDataError(table.path, "no column can be a feature", *notes)
    header = table.names[place]
    target = target_of(header)
    return InferredContract(contract_from(name, labels, features, target=target, header=header), notes)


def contract_from(
    name: str, labels: Sequence[str], features: Sequence[Feature], *, target: str, header: str | None = None
) -> Contract:
    """Put a contract together, of which a reading needs one feature; raises TrainingDataError."""
    names = tuple(feature.name for feature in features)
    contract = {
        "name": name,
        "target": target,
        "target_aliases": () if header in {None, target} else (header,),
        "labels": tuple(labels),
        "features": tuple(features),
        "at_least_one_of": (names,),
    }
    try:
        return Contract.model_validate(contract)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise TrainingDataError(
            name, *(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
        ) from None


def labels_of(column: Iterable[Any]) -> list[str]:
    """The labels of a column in their order: numbers by size, other texts by the alphabet."""
    found = {text for cell in column if (text := known_word(cell, ())) is not None}
    if all(map(NUMBER.fullmatch, found)):
        return sorted(found, key=lambda text: (float(text), text))
    return sorted(found)


def _unusable(label: str, labels: Sequence[str]) -> str | None:
    if len(labels) < _FEWEST_LABELS:
        return f"column {label}: two different labels are needed, it has {', '.join(labels) or 'none'}"
    if len(labels) > MAX_LABELS:
        return f"column {label} has {len(labels)} different values, more than the {MAX_LABELS} labels of a classifier; is it a number to be predicted? That is regression, which is not served"
    return None


def target_of(header: str) -> str:
    """The name of the answer in a result line: the label column's, other characters than those of a column as underscores."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", header.strip()) or "label"
    if not are_columns([name]):
        name = f"label_{name}"[:300]
    return f"predicted_{name}" if name in {*RESERVED, *IDENTITY} else name


def features_of(
    table: SourceTable, *, leave_out: int | None = None
) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """The features of a table's columns, and a sentence about each column that is none."""
    counts = Counter(table.names)
    features, notes = [], []
    for place, name in enumerate(table.names):
        if place == leave_out:
            continue
        try:
            if counts[name] > 1:
                raise _NoFeatureError("the header has it twice")  # noqa: TRY301  treated alike
            features.append(_feature(name, table.columns[place]))
        except _NoFeatureError as error:
            notes.append(f"column {name or '(without a name)'} is left out: {error}")
    return tuple(features), tuple(dict.fromkeys(notes))


def _feature(name: str, column: Sequence[Any]) -> Feature:
    if name in IDENTITY:
        raise _NoFeatureError("it says which reading it is")
    known = [
        cell
        for cell in column
        if cell is not None and not is_nan(cell) and not (isinstance(cell, str) and cell in MISSING)
    ]
    if not known:
        raise _NoFeatureError("it has no values")
    if _ROW_NUMBERS.fullmatch(name.strip()) and _is_row_numbers(known):
        raise _NoFeatureError("it numbers the rows")
    try:
        return _by_kind(name, known)
    except ValidationError:
        raise _NoFeatureError(
            "its name or its words are longer than 300 characters, or have control characters"
        ) from None


def _by_kind(name: str, known: Sequence[Any]) -> Feature:
    if all(
        isinstance(cell, bool) or (isinstance(cell, str) and cell.strip().lower() in FLAGS) for cell in known
    ):
        return Feature(name=name, kind="flag")
    numbers = _numbers(known)
    if numbers is not None:
        whole = all(map(_is_whole, known))
        least, most = bounds(numbers, whole=whole)
        return Feature(name=name, kind="integer" if whole else "number", least=least, most=most)
    if any(isinstance(cell, date | time) for cell in known):
        raise _NoFeatureError("it has dates or times; a number of them, such as the hour, can be a feature")
    if not all(isinstance(cell, str | bool | int | float) for cell in known):
        raise _NoFeatureError(f"its values are of another kind ({type(known[0]).__name__})")
    words = {word(cell) for cell in known}
    if len(words) > MOST_WORDS or (len(known) > FEW_ROWS and len(words) > len(known) / 2):
        raise _NoFeatureError(f"it has {len(words)} different texts in {len(known)} rows")
    return Feature(name=name, kind="category", categories=tuple(sorted(str(each) for each in words)))


def _numbers(known: Sequence[Any]) -> list[float] | None:
    """The numbers of cells that are nothing else, infinite ones left out; None where one is something else."""
    found = []
    for cell in known:
        if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
            return None
        if isinstance(cell, str) and not NUMBER.fullmatch(cell):
            return None
        try:
            found.append(float(cell))
        except OverflowError:
            return None
    return [each for each in found if math.isfinite(each)] or None


def _is_whole(cell: Any) -> bool:
    if isinstance(cell, str):
        return bool(WHOLE.fullmatch(cell)) and abs(int(cell)) <= LARGEST_INTEGER
    return isinstance(cell, int) and abs(cell) <= LARGEST_INTEGER


def _is_row_numbers(known: Sequence[Any]) -> bool:
    """Whether a column counts the rows, as an index that was written to the file does."""
    if not all(map(_is_whole, known)):
        return False
    first = int(known[0])
    return all(int(cell) == first + row for row, cell in enumerate(known))


def bounds(numbers: Sequence[float], *, whole: bool) -> tuple[float | None, float | None]:
    """The least and the most of readings like these, as this module's docstring says."""
    least, most = min(numbers), max(numbers)
    width = WIDTHS * (most - least)
    if not 0 < width < LARGEST_FLOAT / 2:
        return None, None
    largest = LARGEST_INTEGER if whole else LARGEST_FLOAT
    low, high = _outward(least - width, up=False), _outward(most + width, up=True)
    if whole:
        low, high = low // 1, -(-high // 1)
    return float(max(low, -largest)), float(min(high, largest))


def _outward(number: float, *, up: bool) -> float:
    """A number rounded to two digits, away from the known values."""
    if not number:
        return 0.0
    unit = 10.0 ** (math.log10(abs(number)) // 1 - _DIGITS + 1)
    steps = number / unit
    return float(f"{(-(-steps // 1) if up else steps // 1) * unit:.6g}")
