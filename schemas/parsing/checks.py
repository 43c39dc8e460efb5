"""Checks: a few cells held against the rules of a reading, and each error as a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import to_json

from rookery.schemas.contract.types import MAX_IDENTITY
from rookery.schemas.rejection import MAX_REASONS, RULES, Reason, rule_of, shortened, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_core import ErrorDetails

    from rookery.schemas.contract.compiled import CompiledContract, Fields


def checked(validate: Callable[[bytes], Fields], cells: object) -> tuple[Fields, list[ErrorDetails]]:
    """Validate cells as JSON, where strict means what it says in JSON (a time is a text)."""
    try:
        return validate(to_json(cells, inf_nan_mode="constants")), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    for each in errors:
        if each["type"] == "value_error":
            # An exception with its frames; the message says the same.
            del each["ctx"]
    return {}, errors


def stand_in(cell: Any) -> Any:
    """A cell, or for an array or an object, which no field takes, an empty one: it breaks the same rules."""
    return type(cell)() if isinstance(cell, list | dict) else cell


def reason_of(error: ErrorDetails, field: str, value: object) -> Reason:
    """Say an error of a field, or of a cell, and what stood there."""
    absent = error["type"] == "missing"
    return Reason(field=field, rule=rule_of(error), value=None if absent else shown(value))


def unknown_fields(raw: Mapping[str, Any], contract: CompiledContract) -> list[Reason]:
    """The first fields that no reading has."""
    found: list[Reason] = []
    for name, value in raw.items():
        if len(found) == MAX_REASONS:
            break
        if name not in contract.types:
            found.append(
                Reason(field=shortened(name) or "reading", rule=RULES["extra_forbidden"], value=shown(value))
            )
    return found


def named(raw: object) -> tuple[str | None, str | None]:
    """The `reading_id` and `device_id` of what was refused, where they can be such."""
    if not isinstance(raw, dict):
        return None, None
    reading_id, device_id = raw.get("reading_id"), raw.get("device_id")
    return (_identity(reading_id), _identity(device_id))


def _identity(word: object) -> str | None:
    # Longer ones are none; and would be in every line, index and log.
    return word if isinstance(word, str) and 0 < len(word) <= MAX_IDENTITY else None
