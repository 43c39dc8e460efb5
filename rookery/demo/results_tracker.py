"""ResultsTracker: what has become durable so far, entered in the ledger as it appears."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.accounting.folder_results import ResultsReader
    from rookery.load.accounting.ledger import Ledger
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection

LOOK_EVERY_S: Final = 0.02
"""How often a folder is looked at."""


class ResultsTracker:
    """Follows what a worker makes durable; `predicted` and `rejected` hold each reading once."""

    def __init__(
        self,
        results: ResultsReader[Prediction],
        rejects: ResultsReader[Rejection],
        ledger: Ledger,
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._results = results
        self._rejects = rejects
        self._ledger = ledger
        self._look_every_s = look_every_s
        self.predicted: dict[str, Prediction] = {}
        self.rejected: dict[str, Rejection] = {}

    def gather(self) -> None:
        """Enter what was finished since the last look."""
        found, refused = list(self._results.fresh()), list(self._rejects.fresh())
        self._ledger.find([*found, *refused])
        self.predicted = {one.reading_id: one for one in found} | self.predicted
        self.rejected = {one.reading_id: one for one in refused} | self.rejected

    def wait(
        self,
        within_s: float,
        *,
        meanwhile: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> bool:
        """Gather until nothing is missing; False where that took too long.

        `meanwhile` is called after each look with the number of readings still missing, and may raise.
        """
        until = clock() + within_s
        while True:
            self.gather()
            missing = len(self._ledger.missing)
            meanwhile(missing)
            if not missing:
                return True
            if clock() > until:
                return False
            # No place tells anybody that something was added: it has to be looked at.
            time.sleep(self._look_every_s)
