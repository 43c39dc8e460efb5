"""TableInspection: every reason why rows of a table cannot be classified, found by a few rows at a time.

A message of 3 MB may hold a million wrong cells. pydantic makes several objects for each error of what it is given,
so it is given few rows at once, and what many rows are refused for is kept once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NotRequired

from pydantic import ConfigDict, TypeAdapter, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from rookery.schemas.parsing.checks import checked, named, reason_of, stand_in, unknown_fields
from rookery.schemas.parsing.decoded import DecodedTable, InvalidPayload, in_base64
from rookery.schemas.reading import MEASUREMENTS, NO_MEASUREMENT, Reading
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
from rookery.schemas.table import MAX_ROWS, ReadingTable, uneven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    Columns = Mapping[str, Sequence[Any]]

ROWS_AT_ONCE: Final = 128
"""Rows that are validated together: up to 1,280 errors, a millisecond or two during which nothing else runs."""

EVERY_REASON_ROWS: Final = 1_000
"""Refused rows of one table that name every reason; those behind them name the first, and how many more there are."""

_NAMES: Final = tuple(Reading.model_fields)

_REMEMBERED: Final = 1_000
"""Different reasons that are kept to be used again."""


def _rows_validator() -> Callable[[bytes], dict[str, list[Any]]]:
    """Make what reads columns of cells by Reading's own rules; ValidationError with each wrong cell."""
    columns: Any = {
        name: NotRequired[list[field.rebuild_annotation()]]  # type: ignore[misc]  # made from Reading, so that the rules stand once
        for name, field in Reading.model_fields.items()
    }
    kind: Any = TypedDict("kind", columns)  # type: ignore[misc]  # the same
    strict: Any = with_config(ConfigDict(strict=True, extra="forbid"))(kind)
    validate: Callable[[bytes], dict[str, list[Any]]] = TypeAdapter(strict).validator.validate_json
    return validate


_validate_rows: Final = _rows_validator()


def inspected_table(raw: Mapping[str, Any], pause: Callable[[], object]) -> DecodedTable:
    """Validate a table's rows; raises UnusableReadingError where it is wrong as a whole. `pause` is called between two slices."""
    columns = {
        name: column
        for name, column in raw.items()
        if name in Reading.model_fields and isinstance(column, list)
    }
    unknown = sum(name not in Reading.model_fields for name in raw)
    structural = [*_structural(raw), *unknown_fields(raw)]
    lengths = {name: len(column) for name, column in columns.items()}
    if structural or len(set(lengths.values())) > 1:
        whole = {name: column for name, column in columns.items() if len(column) <= MAX_ROWS}
        cells, wrong = _first_wrong(whole, pause)
        if len(set(lengths.values())) > 1:
            field = "table" if structural or cells else "reading"
            structural.append(Reason(field=field, rule=uneven(lengths)))
        total = len(structural) - min(unknown, MAX_REASONS) + unknown + wrong
        raise UnusableReadingError(*capped([*structural, *cells], total))
    rows = _Rows(columns)
    for first in range(0, rows.count, ROWS_AT_ONCE):
        pause()
        rows.take(first)
    return rows.decoded()


def _structural(raw: Mapping[str, Any]) -> Iterator[Reason]:
    """Reasons against known columns as a whole, their lengths apart."""
    for name in _NAMES:
        column = raw.get(name)
        if isinstance(column, list):
            if not column:
                yield Reason(field=name, rule=RULES["too_short"], value=shown(column))
            elif len(column) > MAX_ROWS:
                rule = RULES["too_long"].format(max_length=MAX_ROWS)
                yield Reason(field=name, rule=rule, value=shown(column))
        elif column is not None:
            yield Reason(field=name, rule=RULES["list_type"], value=shown(column))


def _first_wrong(columns: Columns, pause: Callable[[], object]) -> tuple[list[Reason], int]:
    """The first wrong cells of columns of any lengths, and how many there are."""
    found: list[Reason] = []
    total = 0
    for first in range(0, max(map(len, columns.values()), default=0), ROWS_AT_ONCE):
        pause()
        _, errors = checked(_validate_rows, _slice(columns, range(first, first + ROWS_AT_ONCE)))
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

    def __init__(self, columns: Columns) -> None:
        self.count = max(map(len, columns.values()))
        self._raw = columns
        self._good: dict[str, list[Any]] = {name: [] for name in columns}
        self._positions: list[int] = []
        self._refused: list[InvalidPayload] = []
        self._reasons: dict[tuple[str, str, str | None], Reason] = {}

    def take(self, first: int) -> None:
        """Validate the rows of the slice that begins here."""
        rows: range | list[int] = range(first, min(first + ROWS_AT_ONCE, self.count))
        broken: dict[int, list[ErrorDetails]] = {}
        valid, errors = checked(_validate_rows, _slice(self._raw, rows))
        if errors:
            for each in errors:
                broken.setdefault(first + int(each["loc"][1]), []).append(each)
            rows = [row for row in rows if row not in broken]
            valid = checked(_validate_rows, _slice(self._raw, rows))[0] if rows else {}
        unmeasured = self._keep(valid, rows)
        for row in sorted((*broken, *unmeasured)):
            self._refused.append(self._refuse(row, broken.get(row, ())))

    def decoded(self) -> DecodedTable:
        """All rows that were validated."""
        if not self._positions:
            return DecodedTable(table=None, positions=[], refused=tuple(self._refused))
        table = ReadingTable.model_construct(_fields_set=set(self._good), **self._good)
        positions = self._positions if self._refused else range(self.count)
        return DecodedTable(table=table, positions=positions, refused=tuple(self._refused))

    def _keep(self, valid: Columns, rows: range | list[int]) -> list[int]:
        """Keep the valid rows that have a measurement; give the others."""
        measured = [valid[name] for name in MEASUREMENTS if name in valid]
        if any(None not in column for column in measured):
            for name, cells in valid.items():
                self._good[name] += cells
            self._positions += rows
            return []
        having = [nth for nth in range(len(rows)) if any(column[nth] is not None for column in measured)]
        for name, cells in valid.items():
            self._good[name] += [cells[nth] for nth in having]
        kept = [rows[nth] for nth in having]
        self._positions += kept
        return sorted({*rows}.difference(kept))

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
            reasons=tuple(reasons) or _UNMEASURED,
            original=in_base64(to_json(cells, inf_nan_mode="constants")),
            reading_id=reading_id,
            device_id=device_id,
        )

    def _because(self, error: ErrorDetails, cells: Mapping[str, Any]) -> Reason:
        """The same object as an earlier row's where it says the same: a hundred thousand rows may."""
        name = str(error["loc"][0])
        said = name, rule_of(error), shown(cells[name])
        if said not in self._reasons:
            if len(self._reasons) == _REMEMBERED:
                self._reasons.clear()
            self._reasons[said] = Reason(field=said[0], rule=said[1], value=said[2])
        return self._reasons[said]


_UNMEASURED: Final = (Reason(field="reading", rule=NO_MEASUREMENT),)
