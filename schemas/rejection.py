"""Rejection: a reading that can never be classified, and every Reason why."""

from __future__ import annotations

import reprlib
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from rookery.schemas.parsing.moment import Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

VALUE_LENGTH: Final = 200
"""Characters of an offending value, or of a field's name, that a reason repeats; the original is kept beside it."""

MAX_REASONS: Final = 20
"""Reasons that one rejection names; how many more there are stands behind them."""


class Reason(BaseModel):
    """Why: the field that violates a rule, the rule in words, the offending value as it was written."""

    model_config = ConfigDict(frozen=True, strict=True)

    field: str
    rule: str
    value: str | None = None


class Rejection(BaseModel):
    """One refused reading (or, with no row, one refused message) with all that fixing it takes.

    `original` is the message's payload as it came, in base64; of a row of a table, the row as a reading of its own.
    `row` is its position in the table, from 0; `reading_id` as in a Prediction. `reasons` are 20 at most, the last
    one then "and N more"; from the 1,001st refused row of a table on the first one, and how many more. `attributes`
    are the message's: they stand in the first of its lines, and are null in those of its other rows, which follow.
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
    attributes: dict[str, str] | None = {}


class UnusableReadingError(ValueError):
    """The payload can never be classified; carries the reasons.

    `names` are its `reading_id` and `device_id`, or None where they were not looked for yet.
    """

    names: tuple[str | None, str | None] | None = None

    def __init__(self, *reasons: Reason) -> None:
        super().__init__("; ".join(f"{reason.field}: {reason.rule}" for reason in reasons))
        self.reasons = reasons


def reason(error: ErrorDetails, *, field: str | None = None) -> Reason:
    """Say one of pydantic's errors in our words."""
    where = field if field is not None else (".".join(str(part) for part in error["loc"]) or "reading")
    value = shown(error["input"]) if error["loc"] and error["type"] != "missing" else None
    return Reason(field=shortened(where), rule=rule_of(error), value=value)


def rule_of(error: ErrorDetails) -> str:
    """Say in our words which rule one of pydantic's errors is about."""
    template = RULES.get(error["type"])
    if template is None:
        # Some repeat what they do not understand.
        return shortened(error["msg"].removeprefix("Value error, "))
    # A category may have thousands of words.
    return shortened(template.format(**error.get("ctx", {})))


def reasons(error: ValidationError) -> tuple[Reason, ...]:
    """The reasons of a validation error, in the order of the fields, capped."""
    return capped([reason(each) for each in error.errors(include_url=False)])


def capped(found: Sequence[Reason], total: int | None = None) -> tuple[Reason, ...]:
    """The first MAX_REASONS, and how many more there are of a total that may be larger than what was found."""
    beyond = (len(found) if total is None else total) - MAX_REASONS
    return (*found[:MAX_REASONS], more(beyond)) if beyond > 0 else tuple(found)


@lru_cache(maxsize=16)
def more(count: int) -> Reason:
    """Stand for so many reasons that are not named."""
    return Reason(field=MORE, rule=f"and {count} more")


MORE: Final = "more"
"""The field of the reason that only counts others."""


def shown(value: object) -> str:
    """Write an offending value as JSON would, shortened to VALUE_LENGTH characters."""
    if isinstance(value, str):
        text = f'"{value[:VALUE_LENGTH]}"'
    else:
        try:
            text = _WORDS.get(word := _short.repr(value), word)
        except ValueError:  # an integer of more digits than Python will write
            text = "a number of thousands of digits"
    return shortened(text)


def shortened(text: str) -> str:
    """A text of at most VALUE_LENGTH characters."""
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


class _Short(reprlib.Repr):
    """The standard one sorts all keys of a dictionary to show four of them, and goes six levels down."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(x.items(), self.maxdict + 1)), level)


_short: Final = _Short()

_WORDS: Final = {
    "True": "true",
    "False": "false",
    "None": "null",
    "nan": "NaN",
    "inf": "Infinity",
    "-inf": "-Infinity",
}
RULES: Final = {
    "bool_type": "true or false is needed",
    "extra_forbidden": "unknown field",
    "finite_number": "a finite number is needed",
    "float_type": "a number is needed",
    "greater_than_equal": "at least {ge:g} is needed",
    "int_from_float": "a whole number is needed",
    "int_type": "a whole number is needed",
    "json_invalid": "JSON is needed: {error}",
    "less_than_equal": "at most {le:g} is possible",
    "missing": "this field is needed",
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
