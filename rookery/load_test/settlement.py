"""Settlement: what the swarm's journal says was published, against all that the worker made durable."""

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

_LOOK_EVERY_S: Final = 0.25


class Settlement:
    """Gathers verdicts until nothing is missing, then closes the ledger. `species` counts predictions, each reading once."""

    def __init__(self, journal: Path, venue: ResultsLocation, *, late_after_s: float) -> None:
        self._ledger = Ledger(late_after_s=late_after_s)
        self._doubts = enter(journal, self._ledger)
        self._doubtful = len(self._doubts)
        self._venue = venue
        self._seen: set[str] = set()
        self.species: Counter[str] = Counter()

    def gather(self) -> int:
        """Enter what became durable since the last look; gives how many readings are missing still."""
        self._enter(self._venue.predictions.fresh())
        self._enter(self._venue.rejections.fresh())
        return len(self._ledger.missing)

    def settle(
        self,
        order: LoadOptions,
        meanwhile: Callable[[int], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> float:
        """Gather until nothing is missing, nothing new comes, or it takes too long; gives the seconds that it took.

        `meanwhile` hears after each look how many are missing, and may raise.
        """
        began = moved = clock()
        missing = self.gather()
        while missing and clock() - began < order.settles_within_s and clock() - moved < order.stalls_after_s:
            meanwhile(missing)
            # A folder tells nobody that a file was added: it has to be looked at.
            time.sleep(_LOOK_EVERY_S)
            before, missing = missing, self.gather()
            if missing < before:
                moved = clock()
        return clock() - began

    def close(self, *, alone: bool = True) -> LedgerTotals:
        """Gather the last, and close. Where others publish too, what is unknown is theirs."""
        self.gather()
        account = self._ledger.close()
        if not alone:
            account = replace(account, unknown=())
        return books(account, doubtful=self._doubtful, arrived=self._doubts.arrived)

    def _enter(self, lines: Iterable[Prediction | Rejection]) -> None:
        for line in lines:
            if self._doubts:
                self._doubts.settle(line)
            self._ledger.find([line])
            if isinstance(line, Prediction) and (name := known_as(line)) not in self._seen:
                self._seen.add(name)
                self.species[line.species] += 1
