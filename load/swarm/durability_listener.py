"""Listener: how long until a published reading was durable, seen from the sink's own files."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from rookery.load.accounting.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

DURABLE: Final = "publish -> durable"
"""Locust's row of what the listener heard."""

MARK: Final = "~"
"""How the identity of a watched reading ends."""

LOOK_EVERY_S: Final = 0.025
_WATCH_EVERY_S: Final = 0.005
_WATCHED: Final = re.compile(rb'"reading_id":"([^"\n]{1,100}~)"')


class Listener:
    """Watches at most 200 readings a second, so that watching costs the same however many there are.

    `heard(seconds)` is called with the time from a watched reading's publication until it was seen in a file,
    which is polled every 25 ms. `lines` counts every line.
    """

    def __init__(
        self,
        folders: Iterable[Path],
        heard: Callable[[float], None],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.lines = 0
        self._tails = [Tail(folder) for folder in folders]
        self._heard = heard
        self._clock = clock
        self._published: dict[str, float] = {}
        self._last = float("-inf")

    def wants(self) -> bool:
        """Whether the next reading should be watched: five milliseconds after the last one that was."""
        now = self._clock()
        if not self._tails or now - self._last < _WATCH_EVERY_S:
            return False
        self._last = now
        return True

    def watch(self, reading_id: str, since: float) -> None:
        """Wait for a reading that is published at this moment of the clock."""
        self._published[reading_id] = since

    def look(self) -> None:
        """Look at the files once."""
        for tail in self._tails:
            fresh = tail.fresh()
            now = self._clock()
            self.lines += fresh.count(b"\n")
            for found in _WATCHED.findall(fresh):
                since = self._published.pop(found.decode(), None)
                if since is not None:
                    self._heard(now - since)
