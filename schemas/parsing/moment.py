"""Moment: a time as JSON, a header or an option writes it, by RFC 3339 and by nothing else.

Libraries read more: digits as seconds since 1970, weeks, days alone, a comma, a minus of typesetting. Each would make
another time of what was meant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

RULE: Final = "a time by RFC 3339 is needed, such as 2026-11-23T12:00:00Z"
OFFSET: Final = "a time with its offset from UTC is needed"
EDGES: Final = "a time from year 1 to year 9999 in UTC is needed"

# The fraction is bounded, as what was read may be remembered; no clock says more of a second.
_FORM: Final = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]{1,30})?"
    "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_formed: Final = re.compile(_FORM).fullmatch


def parse(text: str) -> datetime:
    """Read a time, in UTC and cut to microseconds; raises ValueError with the rule that it breaks."""
    if _formed(text) is None:
        raise ValueError(RULE)
    try:
        moment = datetime.fromisoformat(text if text[-1] != "z" else f"{text[:-1]}Z")
    except ValueError as error:
        raise ValueError(f"{RULE}: {error}") from None
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(OFFSET)
    return _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(EDGES) from None


_AWARE: Final = core_schema.datetime_schema(strict=True, tz_constraint="aware")


class _Rfc3339:
    """Text by RFC 3339 in JSON, an aware datetime in Python; what is in the model is in UTC."""

    @classmethod
    def __get_pydantic_core_schema__(cls, kind: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        # The last step is there for who writes the model: it says that the value is a datetime.
        return core_schema.chain_schema(
            [
                core_schema.json_or_python_schema(json_schema=cls._text(), python_schema=cls._value()),
                core_schema.datetime_schema(),
            ]
        )

    @staticmethod
    def _text() -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(parse, core_schema.str_schema(strict=True))

    @staticmethod
    def _value() -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(_in_utc, _AWARE)

    @staticmethod
    def __get_pydantic_json_schema__(
        schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "date-time"}


class _AsWritten(_Rfc3339):
    """The same with the offset that was written: without a call of ours, readers of millions of lines are half as long."""

    @staticmethod
    def _text() -> core_schema.CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(strict=True, pattern=f"^{_FORM}$"),
                core_schema.datetime_schema(strict=False, tz_constraint="aware"),
            ]
        )

    @staticmethod
    def _value() -> core_schema.CoreSchema:
        return _AWARE


Moment = Annotated[datetime, _Rfc3339()]
"""A time in what others send: in UTC, with the rule that it breaks where it is none."""

Timestamp = Annotated[datetime, _AsWritten()]
"""A time in a line that a worker wrote."""
