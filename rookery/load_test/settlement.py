"""Settlement: the swarm's log of published readings, reconciled with the results that the worker made durable."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rookery.load.accounting.ledger import Ledger
from rookery.load.accounting.published_log import enter
from rookery.load.report.run_folder import LedgerTotals, books
from rookery.schemas.identity import known_as
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from rookery.environment.results_location import ResultsLocation
    from rookery.load_test.options import LoadOptions
    from rookery.schemas.rejection import Rejection

_POLL_INTERVAL_S: Final = 0.25


class Settlement:
    """Gathers results until no reading is missing, then reconciles. `labels` counts predictions without duplicates."""

    def __init__(self, published_log: Path, location: ResultsLocation, *, late_after_s: float) -> None:
        self._ledger = Ledger(late_after_s=late_after_s)
        self._unconfirmed = enter(published_log, self._ledger)
        self._unconfirmed_count = len(self._unconfirmed)
        self._location = location
        self._seen: set[str] = set()
        self.labels: Counter[str] = Counter()

    def gather(self) -> int:
        """Enter the results since the last call; returns how many readings are still missing."""
        self._enter(self._location.predictions.fresh())
        self._enter(self._location.rejections.fresh())
        return len(self._ledger.missing)

    def settle(
        self,
        options: LoadOptions,
        meanwhile: Callable[[int], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> float:
        """Gather until no reading is missing, no new result comes, or time is up; returns the seconds that it took.

        `meanwhile` is called with the number of missing readings after each attempt, and may raise.
        """
        began = moved = clock()
        missing = self.gather()
        while (
            missing
            and clock() - began < options.settles_within_s
            and clock() - moved < options.stalls_after_s
        ):
            meanwhile(missing)
            # Folders, buckets and topics send no notification of a new file: they have to be polled.
            time.sleep(_POLL_INTERVAL_S)
            before, missing = missing, self.gather()
            if missing < before:
                moved = clock()
        return clock() - began

    def close(self, *, alone: bool = True) -> LedgerTotals:
        """Gather the last results, and reconcile. Unless `alone`, unexpected readings belong to other publishers."""
        self.gather()
        account = self._ledger.close()
        if not alone:
            account = replace(account, unexpected=())
        return books(account, unconfirmed=self._unconfirmed_count, arrived=self._unconfirmed.arrived)

    def _enter(self, lines: Iterable[Prediction | Rejection]) -> None:
        for line in lines:
            if self._unconfirmed:
                self._unconfirmed.settle(line)
            self._ledger.find([line])
            if isinstance(line, Prediction) and (name := known_as(line)) not in self._seen:
                self._seen.add(name)
                self.labels[line.label] += 1
