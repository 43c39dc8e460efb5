"""PullCallError: a call to Pub/Sub that failed, without any class of grpc's."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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

_PERMANENT: Final = "PERMANENT_FAILURE"
"""The beginning of a reason after which the same ack id never succeeds."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class PullCallError(Exception):
    """A call ended with a status; `code` is its name, such as UNAVAILABLE.

    `failures` has the reasons of single ack ids, which a subscription with exactly-once delivery gives: ids that it
    does not name were not done either.
    """

    def __init__(self, code: str, details: str, failures: Mapping[str, str] = _NOTHING) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.failures = failures

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later without a change of the configuration."""
        return self.code in _TRANSIENT

    def ends(self, ack_id: str) -> bool:
        """Whether the call would fail for this ack id again."""
        if self.failures:
            return self.failures.get(ack_id, "").startswith(_PERMANENT)
        return not self.transient
