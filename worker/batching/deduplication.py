"""DeduplicationWindow: the latest readings by identity, so that a redelivered one is not predicted again."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from rookery.worker.batching.table_keys import TableKeys, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.worker.batching.ticket import Ticket


class Partition(Struct, frozen=True):
    """Keys by what is known of them: `fresh` are the positions of the new ones.

    `joined` are the tickets that will answer `in_flight` other keys (no ticket where the message repeats itself);
    `durable` counts the keys whose answers are durable.
    """

    fresh: Sequence[int]
    joined: Sequence[Ticket[Any]] = ()
    in_flight: int = 0
    durable: int = 0


_NEW: Final[Any] = object()


def _any_row(keys: Sequence[str]) -> bool:
    """Whether a key may be a row of a message; one search in all of thousands is faster than a search in each."""
    return "/" in (keys[0] if len(keys) == 1 else "".join(keys))


class DeduplicationWindow:
    """A window over the latest readings, bounded by `count` of the durable ones and by `seconds`.

    A key is in flight until its ticket is answered, then durable until it is evicted. A key whose message is nacked is
    forgotten at once. The first of two readings with one key wins.
    """

    def __init__(
        self, *, count: int = 200_000, seconds: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start empty."""
        self._count = count
        self._seconds = seconds
        self._clock = clock
        # None: durable. The ticket itself would hold the whole message in memory.
        self._window: dict[str, Ticket[Any] | None] = {}
        # A table without ids is known by its message: how many rows, and the same.
        self._tables: dict[str, tuple[int, Ticket[Any] | None]] = {}
        # How many keys of the window may be rows of a message, for one reading may be named as a table's row is.
        self._rows: dict[str, int] = {}
        # Plain tuples of texts and a time, which the garbage collector soon lets be: it must not walk the window.
        self._remembered: deque[tuple[tuple[str, ...] | TableKeys, float]] = deque()
        self._durable = 0

    def __len__(self) -> int:
        """The number of keys in flight or remembered."""
        return len(self._window) + sum(rows for rows, _ in self._tables.values())

    def all_new(self, keys: Sequence[str]) -> bool:
        """Whether no key is known or occurs twice; reserves nothing."""
        self._evict()
        if type(keys) is TableKeys:
            return keys.message not in self._tables and not self._rows.get(keys.message)
        if len(keys) == 1:
            return keys[0] not in self._window and not (self._tables and self._in_table(keys[0]))
        return (
            self._window.keys().isdisjoint(keys)
            and len(set(keys)) == len(keys)
            and not (self._tables and _any_row(keys) and any(map(self._in_table, keys)))
        )

    def partition(self, keys: Sequence[str]) -> Partition:
        """Separate the new keys from the known ones; reserves nothing."""
        if self.all_new(keys):
            return Partition(fresh=range(len(keys)))
        fresh: dict[str, int] = {}
        joined: dict[Ticket[Any], None] = {}
        in_flight = durable = 0
        for position, key in enumerate(keys):
            if key in fresh:
                in_flight += 1
            elif (known := self._known(key)) is _NEW:
                fresh[key] = position
            elif known is None:
                durable += 1
            else:
                in_flight += 1
                joined[known] = None
        return Partition(
            fresh=list(fresh.values()), joined=list(joined), in_flight=in_flight, durable=durable
        )

    def reserve(self, keys: Sequence[str], ticket: Ticket[Any]) -> None:
        """Mark keys, all of them new, as in flight with a ticket; `remember` or `forget` must follow."""
        self._mark(keys, ticket)
        self._count_rows(keys, 1)

    def reserve_each(self, keys: Sequence[str], submit: Callable[[], Sequence[Ticket[Any]]]) -> bool:
        """Mark keys as in flight with a ticket each, which `submit` returns; `remember` or `forget` must follow.

        Reserves nothing and returns False where a key is known or occurs twice, or where `submit` returns no ticket.
        """
        if not (self.all_new(keys) and (tickets := submit())):
            return False
        self._window.update(zip(keys, tickets, strict=True))
        self._count_rows(keys, 1)
        return True

    def remember(self, keys: Sequence[str]) -> None:
        """Mark reserved keys as durable."""
        self._mark(keys, None)
        kept = keys if type(keys) is TableKeys else tuple(keys)
        self._remembered.append((kept, self._clock() + self._seconds))
        self._durable += len(keys)
        if self._durable > self._count:
            self._evict()

    def forget(self, keys: Sequence[str]) -> None:
        """Release reserved keys: their readings are accepted again."""
        if type(keys) is TableKeys:
            del self._tables[keys.message]
            return
        for key in keys:
            del self._window[key]
        self._count_rows(keys, -1)

    def _mark(self, keys: Sequence[str], ticket: Ticket[Any] | None) -> None:
        if type(keys) is TableKeys:
            self._tables[keys.message] = (keys.rows, ticket)
        elif len(keys) == 1:
            self._window[keys[0]] = ticket
        else:
            self._window.update(dict.fromkeys(keys, ticket))

    def _known(self, key: str) -> Ticket[Any] | None:
        """The state of a key: _NEW, None where it is durable, else its ticket."""
        known: Ticket[Any] | None = self._window.get(key, _NEW)
        if known is not _NEW or not self._in_table(key):
            return known
        return self._tables[key.rpartition("/")[0]][1]

    def _in_table(self, key: str) -> bool:
        """Whether a key is one of those that a whole table stands for."""
        if "/" not in key or (place := row_of(key)) is None:
            return False
        message, row = place
        return message in self._tables and row < self._tables[message][0]

    def _count_rows(self, keys: Sequence[str], step: int) -> None:
        """Keep count of the keys that may be rows of a message, by that message."""
        if type(keys) is TableKeys or not _any_row(keys):
            return
        for key in keys:
            if "/" in key and (place := row_of(key)) is not None:
                message, _ = place
                count = self._rows[message] = self._rows.get(message, 0) + step
                if not count:
                    del self._rows[message]

    def _evict(self) -> None:
        """Forget keys that are too old or too many, the oldest first."""
        now = self._clock()
        while self._remembered and (self._durable > self._count or self._remembered[0][1] <= now):
            keys, until = self._remembered.popleft()
            excess = self._durable - self._count
            # A table that stands as one goes as one.
            if until > now and excess < len(keys) and not isinstance(keys, TableKeys):
                self._remembered.appendleft((keys[excess:], until))
                keys = keys[:excess]
            self.forget(keys)
            self._durable -= len(keys)
