"""Scheduling rules of one subscription."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from rookery.broker.scheduling.backoff import RetryPolicy  # noqa: TC001  part of a public dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.broker.filters.expressions import Expression
    from rookery.broker.scheduling.messages import StoredMessage


@dataclass(frozen=True, slots=True)
class DeadLetterRule:
    """Where a message goes that failed `max_attempts` times."""

    topic: str
    max_attempts: int = 5


@dataclass(frozen=True, slots=True)
class Rules:
    """The scheduling rules of one subscription; times in seconds.

    Without a retry policy a failed message is due again at once (push: when the push backoff allows it).
    A message that does not match the filter counts as acknowledged and is never held.
    """

    push: bool = False
    ack_deadline: float = 10.0
    ordered: bool = False
    exactly_once: bool = False
    retention: float = 7 * 86_400.0
    retry: RetryPolicy | None = None
    dead_letter: DeadLetterRule | None = None
    filter: Expression | None = None
    acked_retention: float = 0.0
    """How long acknowledged messages can be sought back (0: not at all)."""
    topic_retention: float = 0.0
    """How long the topic keeps every message, whatever becomes of it (0: not at all)."""

    def kept_since(self, wall: float, retains_since: float) -> float:
        """The time from which acknowledged messages can be sought back, all in seconds since 1970; infinite: none can."""
        by_topic = wall - self.topic_retention if self.topic_retention else inf
        own = max(wall - self.acked_retention, retains_since) if self.acked_retention else inf
        return min(by_topic, own)

    def wanted(self, messages: Sequence[StoredMessage]) -> Sequence[StoredMessage]:
        """Give the messages that match the filter; all of them where there is none."""
        if self.filter is None:
            return messages
        matches = self.filter.matches
        return [message for message in messages if matches(message.attributes or {})]

    def gives_up(self, attempts: int) -> bool:
        """Whether a message is for the dead-letter topic after so many attempts."""
        return self.dead_letter is not None and attempts >= self.dead_letter.max_attempts

    def retry_delay(self, attempts: int) -> float:
        """Seconds until the next attempt after so many."""
        return self.retry.delay(attempts) if self.retry is not None else 0.0
