"""The one codec: readings and tables to bytes and back, predictions and rejections to lines and back."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from schemas.reading import MEASUREMENTS, NO_MEASUREMENT, Fields, Reading, validate_fields
from schemas.rejection import Reason, Unusable, reason, reasons
from schemas.table import MAX_ROWS, ReadingTable, uneven

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION: Final = "1"
SCHEMA_ATTRIBUTE: Final = "rookery_schema"
"""The message attribute that names the version its payload was written in; absent means the newest."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What can never be classified, and every reason: one row of a table, or (with no row) a whole message.

    `original` is what came, in base64: a refused row as a reading of its own, so that it can be mended alone.
    """

    reasons: tuple[Reason, ...]
    original: str
    row: int | None = None
    reading_id: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedTable:
    """The usable rows of a table with their positions in the message, and the refused ones.

    `table` holds the usable rows only and is None where there is none; `positions[i]` is where its row i stood.
    """

    table: ReadingTable | None
    positions: range | list[int]
    refused: tuple[Refused, ...] = ()


def encode(readings: Reading | ReadingTable) -> bytes:
    """Write a reading or a table as compact JSON; what is unknown is left out."""
    return readings.model_dump_json(
        exclude_none=not isinstance(readings, ReadingTable), exclude_unset=True
    ).encode()


def decode(payload: bytes, *, version: str | None = None) -> Reading | DecodedTable:
    """Read one payload; raises Unusable with every reason where nothing in it can be classified.

    A bad row of a table is refused alone. `version` is the message's SCHEMA_ATTRIBUTE.
    """
    decoded = decode_fields(payload, version=version)
    return Reading.model_construct(**decoded) if isinstance(decoded, dict) else decoded


def decode_reading(payload: bytes, *, version: str | None = None) -> Reading:
    """Read what can only be one reading, as a table's refused row: an array in it is a wrong cell, no table."""
    _check(version)
    return Reading.model_construct(**_reading(payload))


def decode_fields(payload: bytes, *, version: str | None = None) -> Fields | DecodedTable:
    """Read one payload as `decode` does, and leave a reading as its plain fields, for who reads thousands a second."""
    _check(version)
    # A reading holds no array, so that a bracket means a table (or, rarely, an odd name: tried as one first).
    if b"[" not in payload:
        return _reading(payload)
    try:
        return _with_measurements(ReadingTable.model_validate_json(payload))
    except ValidationError:
        return _mixed(payload)


def _check(version: str | None) -> None:
    if version is not None and version != SCHEMA_VERSION:
        rule = f"schema version {SCHEMA_VERSION} is needed"
        raise Unusable(Reason(field=SCHEMA_ATTRIBUTE, rule=rule, value=version))


_FIRST: Final = MEASUREMENTS[0]


def _reading(payload: bytes) -> Fields:
    try:
        fields = validate_fields(payload)
    except ValidationError as error:
        raise Unusable(*reasons(error)) from None
    if fields.get(_FIRST) is None and all(fields.get(name) is None for name in MEASUREMENTS):
        raise Unusable(Reason(field="reading", rule=NO_MEASUREMENT))
    return fields


def _mixed(payload: bytes) -> Fields | DecodedTable:
    """Find out what is wrong with a payload that is no perfect table."""
    try:
        raw = from_json(payload)
    except ValueError as error:
        raise Unusable(Reason(field="reading", rule=f"JSON is needed: {error}")) from None
    if not isinstance(raw, dict) or not any(isinstance(value, list) for value in raw.values()):
        return _reading(payload)
    try:
        # Judged as JSON again, where strict means what it says in JSON (a time is a string).
        ReadingTable.model_validate_json(payload)
    except ValidationError as error:
        broken = _row_reasons(error, raw)
    bad = sorted(broken)
    refused = tuple(_refuse(raw, row, tuple(broken[row])) for row in bad)
    rows = _rows(raw)
    positions = [row for row in range(rows) if row not in broken]
    if not positions:
        return DecodedTable(table=None, positions=[], refused=refused)
    kept = {name: [column[row] for row in positions] for name, column in raw.items() if column is not None}
    good = _with_measurements(ReadingTable.model_validate_json(to_json(kept)))
    unmeasured = (replace(each, row=positions[each.row or 0]) for each in good.refused)
    return DecodedTable(
        table=good.table,
        positions=[positions[row] for row in good.positions],
        refused=tuple(sorted((*refused, *unmeasured), key=lambda one: one.row or 0)),
    )


def _rows(raw: dict[str, Any]) -> int:
    return next(len(column) for column in raw.values() if isinstance(column, list))


def _row_reasons(error: ValidationError, raw: dict[str, Any]) -> dict[int, list[Reason]]:
    """Sort errors by row; raises Unusable with all that is wrong with the table as a whole."""
    structural: list[Reason] = []
    rows: dict[int, list[Reason]] = {}
    for each in error.errors(include_url=False):
        loc = each["loc"]
        if len(loc) > 1 and isinstance(loc[1], int):
            rows.setdefault(loc[1], []).append(reason(each, field=str(loc[0])))
        else:
            structural.append(reason(each))
    lengths = {name: len(column) for name, column in raw.items() if isinstance(column, list)}
    if len(set(lengths.values())) > 1 and not any(each.rule == uneven(lengths) for each in structural):
        structural.append(Reason(field="table", rule=uneven(lengths)))
    if structural:
        cells = [
            Reason(field=f"{each.field}.{row}", rule=each.rule, value=each.value)
            for row in rows
            for each in rows[row]
        ]
        raise Unusable(*structural, *cells)
    return rows


def _with_measurements(table: ReadingTable) -> DecodedTable:
    """Refuse the rows that have none of the four measurements."""
    columns = [column for name in MEASUREMENTS if (column := getattr(table, name)) is not None]
    if any(None not in column for column in columns):
        return DecodedTable(table=table, positions=range(table.rows))
    measured = [any(cell is not None for cell in row) for row in zip(*columns, strict=True)] or [
        False
    ] * table.rows
    positions = [row for row, is_measured in enumerate(measured) if is_measured]
    if len(positions) == table.rows:
        return DecodedTable(table=table, positions=range(table.rows))
    raw = table.model_dump(mode="json", exclude_none=True)
    because = (Reason(field="reading", rule=NO_MEASUREMENT),)
    refused = tuple(_refuse(raw, row, because) for row, is_measured in enumerate(measured) if not is_measured)
    return DecodedTable(
        table=select(table, positions) if positions else None, positions=positions, refused=refused
    )


def select(table: ReadingTable, rows: Iterable[int]) -> ReadingTable:
    """Take some rows of a valid table."""
    chosen = list(rows)
    columns = {
        name: [column[row] for row in chosen] for name, column in table.__dict__.items() if column is not None
    }
    return ReadingTable.model_construct(_fields_set=set(columns), **columns)


def row_of(table: ReadingTable, row: int) -> Reading:
    """Take one row of a valid table as a reading of its own."""
    return Reading(**{name: column[row] for name, column in table.__dict__.items() if column is not None})


def _refuse(raw: dict[str, Any], row: int, because: tuple[Reason, ...]) -> Refused:
    """Keep a refused row as a reading of its own, so that it can be mended and sent again alone."""
    cells = {
        name: column[row] for name, column in raw.items() if column is not None and column[row] is not None
    }
    reading_id, device_id = cells.get("reading_id"), cells.get("device_id")
    return Refused(
        row=row,
        reasons=because,
        original=in_base64(to_json(cells, inf_nan_mode="constants")),
        reading_id=reading_id if isinstance(reading_id, str) and reading_id else None,
        device_id=device_id if isinstance(device_id, str) else None,
    )


def peek_identity(payload: bytes) -> tuple[str | None, str | None]:
    """The `reading_id` and `device_id` of a payload that was refused, where it still can be read."""
    try:
        raw = from_json(payload)
    except ValueError:
        return None, None
    if not isinstance(raw, dict):
        return None, None
    reading_id, device_id = (
        word if isinstance(word := raw.get(name), str) and word else None
        for name in ("reading_id", "device_id")
    )
    return reading_id, device_id


def in_base64(payload: bytes) -> str:
    """Write bytes as base64 text, as a rejection keeps them."""
    return binascii.b2a_base64(payload, newline=False).decode()


__all__ = [
    "MAX_ROWS",
    "SCHEMA_ATTRIBUTE",
    "SCHEMA_VERSION",
    "DecodedTable",
    "Refused",
    "decode",
    "decode_fields",
    "decode_reading",
    "encode",
    "in_base64",
    "peek_identity",
    "row_of",
    "select",
]
