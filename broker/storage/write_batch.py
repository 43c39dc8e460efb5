"""Writes that share one transaction and one sync."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rookery.broker.filters.expressions import Expression
    from rookery.broker.scheduling.messages import StoredMessage


@dataclass(slots=True)
class LazyWrites:
    """Changes of one subscription's messages that may wait for the next sync; by message id."""

    added: dict[int, StoredMessage] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    attempts: dict[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.added or self.removed or self.attempts)

    def remove(self, ident: int) -> None:
        """Note that a message is gone."""
        self.attempts.pop(ident, None)
        self.removed.add(ident)

    def then(self, later: LazyWrites) -> LazyWrites:
        """Join these writes, which failed, with those that were noted since."""
        self.added.update(later.added)
        self.attempts.update(later.attempts)
        for ident in later.removed:
            self.remove(ident)
        return self


@dataclass(slots=True)
class ConfigChange:
    """Statements that change topics or subscriptions, and the subscriptions that begin or end by them, by number."""

    statements: list[tuple[str, tuple[Any, ...]]]
    created: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()


@dataclass(slots=True)
class LogWrites:
    """Changes of one topic's log: new messages; some of its first ones are deleted if older than `oldest`."""

    messages: list[StoredMessage] = field(default_factory=list)
    oldest: float = 0.0
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class SeekWrite:
    """A subscription's seek to `since`: what its topic kept since `kept_since` is held again; in seconds since 1970."""

    number: int
    topic: str
    since: float
    kept_since: float
    filter: Expression | None


@dataclass(slots=True)
class WriteBatch:
    """One transaction; messages and lazy writes by number of the subscription, logs by topic."""

    published: dict[int, list[StoredMessage]] = field(default_factory=dict)
    lazy: dict[int, LazyWrites] = field(default_factory=dict)
    changes: list[ConfigChange] = field(default_factory=list)
    logs: dict[str, LogWrites] = field(default_factory=dict)
    replays: list[SeekWrite] = field(default_factory=list)
    highest_id: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(
            self.published or self.lazy or self.changes or self.logs or self.replays or self.highest_id
        )

    def drop_messages(self) -> None:
        """Leave out what was published: there may be space for the rest, which frees some."""
        self.published = {}
        for log in self.logs.values():
            log.messages = []
