"""LoadProgress: how much of a run's load is done: of its time, or of its readings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rookery.load.accounting.tail import Tail
from rookery.load.chaos.kills.publish_journal import PublishJournal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.load.chaos.kills.plan import KillPlan

_LOOK_EVERY_S: Final = 0.5
_STUCK_AFTER_S: Final = 180.0


class LoadProgress:
    """Shares of the load from 0 to 1, as of the last `look`."""

    def __init__(self, plan: KillPlan, publishers: Sequence[str], results: Sequence[Path]) -> None:
        self._plan = plan
        self._journals = [PublishJournal(plan.folder / f"{name}.journal") for name in publishers]
        self._tails = [Tail(each) for each in results]
        self._began = self._checked_at = self._changed_at = time.monotonic()
        self._taken = self._found = 0

    def __str__(self) -> str:
        return f"{self._taken:,} readings published, {self._found:,} lines of results"

    def look(self) -> None:
        """Look at journals and results, but not more often than twice a second."""
        now = time.monotonic()
        if self._plan.readings is None or now < self._checked_at + _LOOK_EVERY_S:
            return
        before = self._taken, self._found
        self._taken = sum(each.taken() for each in self._journals)
        self._found += sum(tail.fresh().count(b"\n") for tail in self._tails)
        self._checked_at = now
        if before != (self._taken, self._found):
            self._changed_at = now

    @property
    def stuck(self) -> bool:
        """Whether nothing was published or found for too long."""
        return self._checked_at > self._changed_at + _STUCK_AFTER_S

    def share(self, kind: str) -> float:
        """How much of the load is done: for publishers of what they publish, for the others of its results as well."""
        if self._plan.readings is None:
            return (time.monotonic() - self._began) / self._plan.seconds
        taken = min(1.0, self._taken / self._plan.readings)
        if kind == "publisher":
            return taken
        return (taken + min(1.0, self._found / self._plan.readings)) / 2
