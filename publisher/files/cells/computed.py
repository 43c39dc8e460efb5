"""Computed rows: rows at the end of a small file whose numbers are the sums or the means of those above, with no word that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_ROWS: Final = 2_000
"""Rows of a file in which such rows are searched for: a sum of more breaks the bounds of a measurement in any case."""

_LAST: Final = 3
"""Rows at the end that may be computed: a sum, a mean, a deviation."""

_LEAST: Final = 2
"""Columns, and rows above, without which equal numbers prove nothing."""

_DECIMALS: Final = re.compile(r"[.,]([0-9]+)$")


@dataclass(frozen=True, slots=True)
class NumberRow:
    """The cells of the numeric columns of one row, what numbers they are, and whether the row has a label that is known."""

    row: int
    cells: Sequence[str]
    numbers: Sequence[float | None]
    labelled: bool


def computed_rows(rows: Sequence[NumberRow]) -> Mapping[int, str]:
    """The rows that are the `sum` or the `mean` of those above, by their numbers."""
    found: dict[int, str] = {}
    for nth in range(max(len(rows) - _LAST, _LEAST), len(rows)):
        above = [each for each in rows[:nth] if each.row not in found]
        if not rows[nth].labelled and (of := _computed(rows[nth], above)):
            found[rows[nth].row] = of
    return found


def _computed(row: NumberRow, above: Sequence[NumberRow]) -> str:
    columns = [nth for nth, number in enumerate(row.numbers) if number is not None]
    if len(columns) < _LEAST:
        return ""
    values = {nth: [each for line in above if (each := line.numbers[nth]) is not None] for nth in columns}
    # Zeros are the sum and the mean of zeros.
    proving = [nth for nth, each in values.items() if sum(number != 0 for number in each) >= _LEAST]
    if len(proving) < _LEAST or not all(values.values()):
        return ""
    if all(_equal(row, nth, sum(each)) for nth, each in values.items()):
        return "sum"
    varied = all(min(values[nth]) < max(values[nth]) for nth in proving)
    if varied and all(_equal(row, nth, fmean(each)) for nth, each in values.items()):
        # A reading may happen to have the mean of each column; none is written with more digits, or alone without a label.
        finer = any(
            _decimals(row.cells[nth]) > max(_decimals(line.cells[nth]) for line in above) for nth in columns
        )
        return "mean" if finer or all(line.labelled for line in above) else ""
    return ""


def _equal(row: NumberRow, nth: int, value: float) -> bool:
    """Whether a cell is a value, as far as it was rounded."""
    number = row.numbers[nth]
    half = 0.5 * 10.0 ** -_decimals(row.cells[nth])
    return number is not None and abs(number - value) <= half * 1.01 + abs(value) * 1e-12


def _decimals(cell: str) -> int:
    found = _DECIMALS.search(cell)
    return len(found[1]) if found else 0
