"""TableInspection: every reason why rows of a table cannot be classified, found by a few rows at a time.

A message of 3 MB may hold a million wrong cells. pydantic makes several objects for each error of what it is given,
so it is given few rows at once, and what many rows are refused for is kept once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.schemas.contract.reading_classes import MAX_ROWS, needed, uneven
from rookery.schemas.parsing.checks import checked, named, reason_of, stand_in, unknown_fields
from rookery.schemas.parsing.decoded import DecodedTable, InvalidPayload, in_base64
from rookery.schemas.rejection import (
    MAX_REASONS,
    RULES,
    Reason,
    UnusableReadingError,
    capped,
    more,
    rule_of,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from rookery.schemas.contract.compiled import CompiledContract

    Columns = Mapping[str, Sequence[Any]]

CELLS_AT_ONCE: Final = 1_280
"""Cells that are validated together: as many errors, a millisecond or two during which nothing else runs."""

EVERY_REASON_ROWS: Final = 1_000
"""Refused rows of one table that name every reason; those behind them name the first, and how many more there are."""

_REMEMBERED: Final = 1_000
"""Different reasons that are kept to be used again."""


def inspected_table(
    raw: Mapping[str, Any], contract: CompiledContract, pause: Callable[[], object]
) -> DecodedTable:
    """Validate a table's rows; raises UnusableReadingError where it is wrong as a whole. `pause` is called between two slices."""
    columns = {
        name: column for name, column in raw.items() if name in contract.types and isinstance(column, list)
    }
    unknown = sum(name not in contract.types for name in raw)
    structural = [*_structural(raw, contract), *unknown_fields(raw, contract)]
    lengths = {name: len(column) for name, column in columns.items()}
    if structural or len(set(lengths.values())) > 1:
        whole = {name: column for name, column in columns.items() if len(column) <= MAX_ROWS}
        cells, wrong = _first_wrong(whole, contract, pause)
        if len(set(lengths.values())) > 1:
            field = "table" if structural or cells else "reading"
            structural.append(Reason(field=field, rule=uneven(lengths)))
        total = len(structural) - min(unknown, MAX_REASONS) + unknown + wrong
        raise UnusableReadingError(*capped([*structural, *cells], total))
    rows = _Rows(columns, contract)
    for first in range(0, rows.count, rows.at_once):
        pause()
        rows.take(first)
    return rows.decoded()


def _structural(raw: Mapping[str, Any], contract: CompiledContract) -> Iterator[Reason]:
    """Reasons against known columns as a whole, their lengths apart."""
    for name in contract.members:
        column = raw.get(name)
        if isinstance(column, list):
            if not column:
                yield Reason(field=name, rule=RULES["too_short"], value=shown(column))
            elif len(column) > MAX_ROWS:
                rule = RULES["too_long"].format(max_length=MAX_ROWS)
                yield Reason(field=name, rule=rule, value=shown(column))
        elif column is not None:
            yield Reason(field=name, rule=RULES["list_type"], value=shown(column))
        elif name in contract.required:
            yield Reason(field=name, rule=RULES["missing"])


def _at_once(contract: CompiledContract) -> int:
    """The rows of a slice."""
    return max(CELLS_AT_ONCE // len(contract.members), 1)


def _first_wrong(
    columns: Columns, contract: CompiledContract, pause: Callable[[], object]
) -> tuple[list[Reason], int]:
    """The first wrong cells of columns of any lengths, and how many there are."""
    found: list[Reason] = []
    total = 0
    at_once = _at_once(contract)
    for first in range(0, max(map(len, columns.values()), default=0), at_once):
        pause()
        _, errors = checked(contract.validate_rows, _slice(columns, range(first, first + at_once)))
        total += len(errors)
        if len(found) < MAX_REASONS:
            places = sorted((int(each["loc"][1]), nth) for nth, each in enumerate(errors))
            for row, nth in places[: MAX_REASONS - len(found)]:
                name = str(errors[nth]["loc"][0])
                found.append(reason_of(errors[nth], f"{name}.{first + row}", columns[name][first + row]))
    return found, total


def _slice(columns: Columns, rows: range | list[int]) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {}
    for name, column in columns.items():
        cells = column[rows.start : rows.stop] if isinstance(rows, range) else [column[row] for row in rows]
        found[name] = cells if _SIMPLE.issuperset(map(type, cells)) else [*map(stand_in, cells)]
    return found


_SIMPLE: Final = frozenset({bool, float, int, str, type(None)})


class _Rows:
    """The rows of columns of equal length, validated one slice after the other."""

    def __init__(self, columns: Columns, contract: CompiledContract) -> None:
        self.count = max(map(len, columns.values()))
        self.at_once = _at_once(contract)
        self._contract = contract
        self._raw = columns
        self._good: dict[str, list[Any]] = {name: [] for name in columns}
        self._positions: list[int] = []
        self._refused: list[InvalidPayload] = []
        self._reasons: dict[tuple[str, str, str | None], Reason] = {}

    def take(self, first: int) -> None:
        """Validate the rows of the slice that begins here."""
        rows: range | list[int] = range(first, min(first + self.at_once, self.count))
        broken: dict[int, list[ErrorDetails]] = {}
        valid, errors = checked(self._contract.validate_rows, _slice(self._raw, rows))
        if errors:
            for each in errors:
                broken.setdefault(first + int(each["loc"][1]), []).append(each)
            rows = [row for row in rows if row not in broken]
            valid = checked(self._contract.validate_rows, _slice(self._raw, rows))[0] if rows else {}
        incomplete = self._keep(valid, rows)
        for row in sorted((*broken, *incomplete)):
            self._refused.append(self._refuse(row, broken.get(row, ())))

    def decoded(self) -> DecodedTable:
        """All rows that were validated."""
        if not self._positions:
            return DecodedTable(table=None, positions=[], refused=tuple(self._refused))
        table = self._contract.table_of(self._good)
        positions = self._positions if self._refused else range(self.count)
        return DecodedTable(table=table, positions=positions, refused=tuple(self._refused))

    def _keep(self, valid: Columns, rows: range | list[int]) -> list[int]:
        """Keep the valid rows that have one of each group of features; give the others."""
        having: range | list[int] = range(len(rows))
        for group in self._contract.groups:
            columns = [valid[name] for name in group if name in valid]
            if not any(None not in column for column in columns):
                having = [nth for nth in having if any(column[nth] is not None for column in columns)]
        for name, cells in valid.items():
            self._good[name] += cells if isinstance(having, range) else [cells[nth] for nth in having]
        kept = rows if isinstance(having, range) else [rows[nth] for nth in having]
        self._positions += kept
        return [] if isinstance(having, range) else sorted({*rows}.difference(kept))

    def _refuse(self, row: int, errors: Sequence[ErrorDetails]) -> InvalidPayload:
        """Keep a refused row as a reading of its own, so that it can be fixed and sent again alone."""
        cells = {name: cell for name, column in self._raw.items() if (cell := column[row]) is not None}
        named_errors = errors if len(self._refused) < EVERY_REASON_ROWS else errors[:1]
        reasons = [self._because(each, cells) for each in named_errors]
        if len(reasons) < len(errors):
            reasons.append(more(len(errors) - len(reasons)))
        reading_id, device_id = named(cells)
        return InvalidPayload(
            row=row,
            reasons=tuple(reasons) or self._incomplete(cells),
            original=in_base64(to_json(cells, inf_nan_mode="constants")),
            reading_id=reading_id,
            device_id=device_id,
        )

    def _incomplete(self, cells: Mapping[str, Any]) -> tuple[Reason, ...]:
        return (Reason(field="reading", rule=needed(self._contract.lacking(cells) or ())),)

    def _because(self, error: ErrorDetails, cells: Mapping[str, Any]) -> Reason:
        """The same object as an earlier row's where it says the same: a hundred thousand rows may."""
        name = str(error["loc"][0])
        said = name, rule_of(error), shown(cells.get(name))
        if said not in self._reasons:
            if len(self._reasons) == _REMEMBERED:
                self._reasons.clear()
            self._reasons[said] = Reason(field=said[0], rule=said[1], value=said[2])
        return self._reasons[said]
