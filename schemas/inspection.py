"""Inspection: every reason why a payload cannot be classified, found by a few rows at a time.

A message of 3 MB may hold a million wrong cells. pydantic makes several objects for each error of what it is given,
so it is given few rows at once, and what many rows are refused for is kept once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict

from schemas.decoded import DecodedTable, Refused, in_base64
from schemas.reading import MAX_IDENTITY, MEASUREMENTS, NO_MEASUREMENT, Fields, Reading, validate_fields
from schemas.rejection import MAX_REASONS, RULES, Reason, Unusable, capped, more, rule_of, shortened, shown
from schemas.table import MAX_ROWS, ReadingTable, uneven
from schemas.values import TooManyValuesError, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    Columns = Mapping[str, Sequence[Any]]

ROWS_AT_ONCE: Final = 256
"""Rows that are validated together: up to 2,560 errors, a few milliseconds during which nothing else runs."""

EVERY_REASON_ROWS: Final = 1_000
"""Refused rows of one table that name every reason; those behind them name the first, and how many more there are."""

_NAMES: Final = tuple(Reading.model_fields)
_LONGEST: Final = 1_000
"""Characters of a text that are validated; no field takes so many."""

_BEGIN_BYTES: Final = 16 * 1024
"""What is read of a payload that is too large to be read."""

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


def inspected(payload: bytes, *, pause: Callable[[], object] = lambda: None) -> Fields | DecodedTable:
    """Read any payload as the codec does, in memory of a few times its size; raises Unusable.

    `pause` is called between two slices of the work.
    """
    raw: Any = None
    try:
        raw = parsed(payload)
        if isinstance(raw, dict) and any(isinstance(value, list) for value in raw.values()):
            return _table(raw, pause)
        return _reading(raw)
    except TooManyValuesError as error:
        begin = _begin(payload)
        unknown = _unknown(begin)
        known = sum(name in Reading.model_fields for name in begin)
        total = 1 + error.count - known if unknown else 1
        unusable = Unusable(*capped([*error.reasons, *unknown], total))
        unusable.names = named(begin)
        raise unusable from None
    except Unusable as unusable:
        # Not for somebody to read it all again.
        unusable.names = named(raw)
        raise


def _begin(payload: bytes) -> dict[str, Any]:
    """The first members of an object that is too large to be read."""
    try:
        raw = from_json(payload[:_BEGIN_BYTES], allow_partial=True)
    except ValueError:
        return {}
    return raw if isinstance(raw, dict) else {}


def inspected_reading(payload: bytes) -> Fields:
    """Read a payload that can be no table; raises Unusable."""
    return _reading(parsed(payload))


def named(raw: object) -> tuple[str | None, str | None]:
    """The `reading_id` and `device_id` of what was refused, where they can be such."""
    if not isinstance(raw, dict):
        return None, None
    reading_id, device_id = raw.get("reading_id"), raw.get("device_id")
    return (_identity(reading_id), _identity(device_id))


def _identity(word: object) -> str | None:
    # Longer ones are none; and would be in every line, index and log.
    return word if isinstance(word, str) and 0 < len(word) <= MAX_IDENTITY else None


def _reading(raw: object) -> Fields:
    if not isinstance(raw, dict):
        raise Unusable(Reason(field="reading", rule=RULES["dict_type"]))
    known = {name: raw[name] for name in _NAMES if name in raw}
    fields, errors = _checked(validate_fields, {name: _stand_in(value) for name, value in known.items()})
    unknown = len(raw) - len(known)
    if errors or unknown:
        broken = [_reason(each, str(each["loc"][0]), raw[each["loc"][0]]) for each in errors]
        raise Unusable(*capped([*broken, *_unknown(raw)], len(broken) + unknown))
    if all(fields.get(name) is None for name in MEASUREMENTS):
        raise Unusable(Reason(field="reading", rule=NO_MEASUREMENT))
    return fields


def _checked(validate: Callable[[bytes], Fields], cells: object) -> tuple[Fields, list[ErrorDetails]]:
    """Judge cells as JSON, where strict means what it says in JSON (a time is a text)."""
    try:
        return validate(to_json(cells, inf_nan_mode="constants")), []
    except ValidationError as error:
        return {}, error.errors(include_url=False, include_input=False)


def _stand_in(cell: Any) -> Any:
    """A cell, or what breaks the same rules and is short."""
    if isinstance(cell, list):
        return []
    if isinstance(cell, dict):
        return {}
    return cell[:_LONGEST] if isinstance(cell, str) and len(cell) > _LONGEST else cell


def _reason(error: ErrorDetails, field: str, value: object) -> Reason:
    return Reason(field=field, rule=rule_of(error), value=shown(value))


def _unknown(raw: Mapping[str, Any]) -> list[Reason]:
    """The first fields that no reading has."""
    found: list[Reason] = []
    for name, value in raw.items():
        if len(found) == MAX_REASONS:
            break
        if name not in Reading.model_fields:
            found.append(
                Reason(field=shortened(name) or "reading", rule=RULES["extra_forbidden"], value=shown(value))
            )
    return found


def _table(raw: Mapping[str, Any], pause: Callable[[], object]) -> DecodedTable:
    columns = {
        name: column
        for name, column in raw.items()
        if name in Reading.model_fields and isinstance(column, list)
    }
    unknown = sum(name not in Reading.model_fields for name in raw)
    structural = [*_structural(raw), *_unknown(raw)]
    lengths = {name: len(column) for name, column in columns.items()}
    if structural or len(set(lengths.values())) > 1:
        whole = {name: column for name, column in columns.items() if len(column) <= MAX_ROWS}
        cells, wrong = _first_wrong(whole, pause)
        if len(set(lengths.values())) > 1:
            field = "table" if structural or cells else "reading"
            structural.append(Reason(field=field, rule=uneven(lengths)))
        total = len(structural) - min(unknown, MAX_REASONS) + unknown + wrong
        raise Unusable(*capped([*structural, *cells], total))
    rows = _Rows(columns)
    for first in range(0, rows.count, ROWS_AT_ONCE):
        pause()
        rows.take(first)
    return rows.decoded()


def _structural(raw: Mapping[str, Any]) -> Iterator[Reason]:
    """What is wrong with known columns as a whole, their lengths apart."""
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
        _, errors = _checked(_validate_rows, _slice(columns, range(first, first + ROWS_AT_ONCE)))
        total += len(errors)
        if len(found) < MAX_REASONS:
            places = sorted((int(each["loc"][1]), nth) for nth, each in enumerate(errors))
            for row, nth in places[: MAX_REASONS - len(found)]:
                name = str(errors[nth]["loc"][0])
                found.append(_reason(errors[nth], f"{name}.{first + row}", columns[name][first + row]))
    return found, total


def _slice(columns: Columns, rows: range | list[int]) -> dict[str, list[Any]]:
    if isinstance(rows, range):
        return {name: [*map(_stand_in, cells[rows.start : rows.stop])] for name, cells in columns.items()}
    return {name: [_stand_in(cells[row]) for row in rows] for name, cells in columns.items()}


class _Rows:
    """The rows of columns of equal length, judged one slice after the other."""

    def __init__(self, columns: Columns) -> None:
        self.count = max(map(len, columns.values()))
        self._raw = columns
        self._good: dict[str, list[Any]] = {name: [] for name in columns}
        self._positions: list[int] = []
        self._refused: list[Refused] = []
        self._reasons: dict[tuple[str, str, str | None], Reason] = {}

    def take(self, first: int) -> None:
        """Judge the rows of the slice that begins here."""
        rows: range | list[int] = range(first, min(first + ROWS_AT_ONCE, self.count))
        broken: dict[int, list[ErrorDetails]] = {}
        valid, errors = _checked(_validate_rows, _slice(self._raw, rows))
        if errors:
            for each in errors:
                broken.setdefault(first + int(each["loc"][1]), []).append(each)
            rows = [row for row in rows if row not in broken]
            valid = _checked(_validate_rows, _slice(self._raw, rows))[0] if rows else {}
        unmeasured = self._keep(valid, rows)
        for row in sorted((*broken, *unmeasured)):
            self._refused.append(self._refuse(row, broken.get(row, ())))

    def decoded(self) -> DecodedTable:
        """All rows that were judged."""
        if not self._positions:
            return DecodedTable(table=None, positions=[], refused=tuple(self._refused))
        table = ReadingTable.model_construct(_fields_set=set(self._good), **self._good)
        positions = self._positions if self._refused else range(self.count)
        return DecodedTable(table=table, positions=positions, refused=tuple(self._refused))

    def _keep(self, valid: Columns, rows: range | list[int]) -> list[int]:
        """Keep the valid rows that have a measurement; give the others."""
        measured = [valid[name] for name in MEASUREMENTS if name in valid]
        having = [nth for nth in range(len(rows)) if any(column[nth] is not None for column in measured)]
        for name, cells in valid.items():
            self._good[name] += cells if len(having) == len(rows) else [cells[nth] for nth in having]
        self._positions += [rows[nth] for nth in having]
        return [] if len(having) == len(rows) else sorted({*rows} - {rows[nth] for nth in having})

    def _refuse(self, row: int, errors: Sequence[ErrorDetails]) -> Refused:
        """Keep a refused row as a reading of its own, so that it can be fixed and sent again alone."""
        cells = {name: cell for name, column in self._raw.items() if (cell := column[row]) is not None}
        named_errors = errors if len(self._refused) < EVERY_REASON_ROWS else errors[:1]
        reasons = [self._because(each, cells) for each in named_errors]
        if len(reasons) < len(errors):
            reasons.append(more(len(errors) - len(reasons)))
        reading_id, device_id = named(cells)
        return Refused(
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
