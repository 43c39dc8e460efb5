"""Rejection: a reading that can never be classified, and every Reason why."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.moment import Timestamp

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

VALUE_LENGTH: Final = 200
"""Characters of an offending value that a reason repeats; the original bytes are kept beside it."""


class Reason(BaseModel):
    """Why: the field that broke a rule, the rule in words, the offending value as it was written."""

    model_config = ConfigDict(frozen=True, strict=True)

    field: str
    rule: str
    value: str | None = None


class Rejection(BaseModel):
    """One refused reading (or, with no row, one refused message) with all that mending it takes.

    `original` is the message's payload as it came, in base64; `row` its position in a table, from 0; `reading_id`
    as in a Prediction.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    reasons: tuple[Reason, ...]
    original: str
    reading_id: str
    message_id: str
    row: int | None = None
    device_id: str | None = None
    published_at: Timestamp | None = None
    rejected_at: Timestamp
    delivery_attempt: int | None = None
    revision: str
    attributes: dict[str, str] = {}


class Unusable(ValueError):  # noqa: N818  it reads as what it says of the payload, and callers catch it by that
    """The payload can never be classified; carries every reason."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__("; ".join(f"{reason.field}: {reason.rule}" for reason in reasons))
        self.reasons = reasons


def reason(error: ErrorDetails, *, field: str | None = None) -> Reason:
    """Say one of pydantic's errors in our words."""
    where = field if field is not None else (".".join(str(part) for part in error["loc"]) or "reading")
    template = _RULES.get(error["type"])
    rule = (
        error["msg"].removeprefix("Value error, ")
        if template is None
        else template.format(**error.get("ctx", {}))
    )
    return Reason(field=where, rule=rule, value=shown(error["input"]) if error["loc"] else None)


def reasons(error: ValidationError) -> tuple[Reason, ...]:
    """Every reason of a validation error, in the order of the fields."""
    return tuple(reason(each) for each in error.errors(include_url=False))


def shown(value: object) -> str:
    """Write an offending value as JSON would, shortened to VALUE_LENGTH characters."""
    if isinstance(value, str):
        text = f'"{value}"'
    else:
        try:
            text = _WORDS.get(word := reprlib.repr(value), word)
        except ValueError:  # an integer of more digits than Python will write
            text = "a number of thousands of digits"
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


_WORDS: Final = {
    "True": "true",
    "False": "false",
    "None": "null",
    "nan": "NaN",
    "inf": "Infinity",
    "-inf": "-Infinity",
}
_RULES: Final = {
    "extra_forbidden": "unknown field",
    "finite_number": "a finite number is needed",
    "float_type": "a number is needed",
    "greater_than_equal": "at least {ge:g} is needed",
    "int_from_float": "a whole number is needed",
    "int_type": "a whole number is needed",
    "json_invalid": "JSON is needed: {error}",
    "less_than_equal": "at most {le:g} is possible",
    "list_type": "an array is needed in a table",
    "literal_error": "one of {expected} is needed",
    "dict_type": "a JSON object is needed",
    "model_type": "a JSON object is needed",
    "string_pattern_mismatch": "text without control characters is needed",
    "string_too_long": "at most {max_length} characters are possible",
    "string_too_short": "at least one character is needed",
    "string_type": "text is needed",
    "timezone_aware": "a time with its offset from UTC is needed",
    "too_long": "at most {max_length} rows are possible",
    "too_short": "at least one row is needed",
}
