"""Duplicates: the readings seen lately, by identity, so that a second delivery costs no second answer."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is new of some keys: `fresh` are their positions.

    `joined` are the tickets under way that answer for `in_flight` others (0 tickets where the message repeats
    itself); `durable` counts those that are answered for already.
    """

    fresh: Sequence[int]
    joined: Sequence[Ticket[Any]] = ()
    in_flight: int = 0
    durable: int = 0


class Duplicates:
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
        # Plain tuples of texts and a time, which the garbage collector soon lets be: it must not walk the window.
        self._remembered: deque[tuple[tuple[str, ...], float]] = deque()
        self._durable = 0

    def __len__(self) -> int:
        """The number of keys in flight or remembered."""
        return len(self._window)

    def all_new(self, keys: Sequence[str]) -> bool:
        """Whether no key was seen, and none stands twice; claims nothing yet."""
        if len(keys) == 1:
            return keys[0] not in self._window
        return self._window.keys().isdisjoint(keys) and len(set(keys)) == len(keys)

    def sift(self, keys: Sequence[str]) -> Sifted:
        """Tell the new keys from those that were seen; claims nothing yet."""
        self.move_on()
        if self.all_new(keys):
            return Sifted(fresh=range(len(keys)))
        fresh: dict[str, int] = {}
        joined: dict[Ticket[Any], None] = {}
        in_flight = durable = 0
        for position, key in enumerate(keys):
            if key in fresh:
                in_flight += 1
            elif key not in self._window:
                fresh[key] = position
            elif (ticket := self._window[key]) is None:
                durable += 1
            else:
                in_flight += 1
                joined[ticket] = None
        return Sifted(fresh=list(fresh.values()), joined=list(joined), in_flight=in_flight, durable=durable)

    def claim(self, keys: Sequence[str], ticket: Ticket[Any]) -> None:
        """Note the keys, all of them fresh, as under way with a ticket; `remember` or `forget` must follow."""
        self._mark(keys, ticket)

    def remember(self, keys: Sequence[str]) -> None:
        """Note claimed keys as durable."""
        self._mark(keys, None)
        self._remembered.append((tuple(keys), self._clock() + self._seconds))
        self._durable += len(keys)
        if self._durable > self._count:
            self.move_on()

    def forget(self, keys: Sequence[str]) -> None:
        """Give claimed keys free: their readings are welcome again."""
        for key in keys:
            del self._window[key]

    def _mark(self, keys: Sequence[str], ticket: Ticket[Any] | None) -> None:
        if len(keys) == 1:
            self._window[keys[0]] = ticket
        else:
            self._window.update(dict.fromkeys(keys, ticket))

    def move_on(self) -> None:
        """Forget what is too old or too much, the oldest first; to be called before keys are looked up."""
        now = self._clock()
        while self._remembered and (self._durable > self._count or self._remembered[0][1] <= now):
            keys, until = self._remembered.popleft()
            excess = self._durable - self._count
            if until > now and excess < len(keys):
                self._remembered.appendleft((keys[excess:], until))
                keys = keys[:excess]
            self.forget(keys)
            self._durable -= len(keys)
