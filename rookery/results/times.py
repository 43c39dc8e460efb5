"""Times of options: a day or a moment as RFC 3339 writes it, and a sentence where it is none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final

import typer

_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day(text: str) -> date:
    """Read `2026-11-23`; raises typer.BadParameter."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}") from None
    raise typer.BadParameter(f"{text}: a day is needed, such as 2026-11-23")


def moment(text: str) -> datetime:
    """Read a moment with its offset from UTC, or a day, which is its first moment in UTC; raises typer.BadParameter."""
    from rookery.schemas.parsing.moment import parse  # noqa: PLC0415  lazy, so that help is quick

    if _DAY.fullmatch(text):
        return datetime.combine(day(text), time.min, UTC)
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}; or a day, such as 2026-11-23") from None
