"""PullCallError: a call to Pub/Sub that failed, without any class of grpc's."""

from __future__ import annotations

from typing import Final

_TRANSIENT: Final = frozenset(
    {
        "ABORTED",
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "INTERNAL",
        "OK",
        "RESOURCE_EXHAUSTED",
        "UNAVAILABLE",
        "UNKNOWN",
    }
)
"""Codes after which the same call may succeed; a stream may also end with OK."""


class PullCallError(Exception):
    """A call ended with a status; `code` is its name, such as UNAVAILABLE."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later without a change of the configuration."""
        return self.code in _TRANSIENT
