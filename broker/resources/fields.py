"""Checks that the fields of several resources share."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from rookery.broker.errors import InvalidArgumentError, UnimplementedError

if TYPE_CHECKING:
    from rookery.broker.service.proto import Proto

RETENTION_SECONDS: Final = (600.0, 31 * 86_400.0)
"""The shortest and the longest time for which messages can be kept."""


def only(resource: Proto, honoured: frozenset[str]) -> None:
    """Raise UnimplementedError where a resource has a field that this broker does not honour."""
    refused = [field.name for field, _ in resource.ListFields() if field.name not in honoured]
    if refused:
        kind = type(resource).__name__
        raise UnimplementedError(f"This broker does not honour {kind} {', '.join(refused)}: leave it out.")


def within(value: float, name: str, lowest: float, highest: float) -> float:
    """Give a number of seconds back; raises InvalidArgumentError outside the bounds, which are allowed."""
    if not lowest <= value <= highest:
        needed = f"{lowest:g} to {highest:g}" if isfinite(highest) else f"at least {lowest:g}"
        raise InvalidArgumentError(f"{name} is {value:g}, needed is {needed} seconds.")
    return value


def seconds(duration: Proto) -> float:
    """Read a Duration."""
    return float(duration.seconds + duration.nanos / 1e9)
