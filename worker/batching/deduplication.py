"""DeduplicationWindow: the readings seen lately, by identity, so that a second delivery costs no second answer."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.worker.batching.table_keys import TableKeys, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rookery.worker.batching.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Partition:
    """What is new of some keys: `fresh` are their positions.

    `joined` are the tickets under way that answer for `in_flight` others (0 tickets where the message repeats
    itself); `durable` counts those that are answered for already.
    """

    fresh: Sequence[int]
    joined: Sequence[Ticket[Any]] = ()
    in_flight: int = 0
    durable: int = 0


_NEW: Final[Any] = object()


def _any_row(keys: Sequence[str]) -> bool:
    """Whether a key may be a row of a message; of thousands it is sooner said than of one after the other."""
    return "/" in (keys[0] if len(keys) == 1 else "".join(keys))


class DeduplicationWindow:
    """A window over the last readings, bounded by `count` of the durable ones and by `seconds`.

    A key is here from its ticket's start: in flight until the ticket is answered, then durable until the
    window moves on. What was told to come again is forgotten at once. The first of two with one key wins.
    """

    def __init__(
        self, *, count: int = 200_000, seconds: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with nothing seen."""
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
        """Whether no key was seen, and none stands twice; claims nothing yet."""
        if type(keys) is TableKeys:
            return keys.message not in self._tables and not self._rows.get(keys.message)
        if len(keys) == 1:
            return keys[0] not in self._window and not (self._tables and self._in_table(keys[0]))
        return (
            self._window.keys().isdisjoint(keys)
            and len(set(keys)) == len(keys)
            and not (self._tables and _any_row(keys) and any(map(self._in_table, keys)))
        )

    def sift(self, keys: Sequence[str]) -> Partition:
        """Tell the new keys from those that were seen; claims nothing yet."""
        self.move_on()
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

    def claim(self, keys: Sequence[str], ticket: Ticket[Any]) -> None:
        """Note the keys, all of them fresh, as under way with a ticket; `remember` or `forget` must follow."""
        self._mark(keys, ticket)
        self._count_rows(keys, 1)

    def claim_each(self, keys: Sequence[str], tickets: Iterable[Ticket[Any]]) -> None:
        """Note keys, all of them fresh, as under way with a ticket each."""
        self._window.update(zip(keys, tickets, strict=True))
        self._count_rows(keys, 1)

    def remember(self, keys: Sequence[str]) -> None:
        """Note claimed keys as durable."""
        self._mark(keys, None)
        kept = keys if type(keys) is TableKeys else tuple(keys)
        self._remembered.append((kept, self._clock() + self._seconds))
        self._durable += len(keys)
        if self._durable > self._count:
            self.move_on()

    def forget(self, keys: Sequence[str]) -> None:
        """Give claimed keys free: their readings are welcome again."""
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
        """What is known of a key: _NEW, None where it is durable, else its ticket."""
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

    def move_on(self) -> None:
        """Forget what is too old or too much, the oldest first; to be called before keys are looked up."""
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
