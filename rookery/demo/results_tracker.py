"""ResultsTracker: the durable results so far, entered in the ledger as they appear."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.accounting.folder_results import ResultsReader
    from rookery.load.accounting.ledger import Ledger
    from rookery.schemas.prediction import Prediction
    from rookery.schemas.rejection import Rejection

POLL_INTERVAL_S: Final = 0.02
"""Seconds between two reads of a folder."""


class ResultsTracker:
    """Polls the results that a worker makes durable; `predicted` and `rejected` hold no duplicates."""

    def __init__(
        self,
        results: ResultsReader[Prediction],
        rejects: ResultsReader[Rejection],
        ledger: Ledger,
        *,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._results = results
        self._rejects = rejects
        self._ledger = ledger
        self._poll_interval_s = poll_interval_s
        self.predicted: dict[str, Prediction] = {}
        self.rejected: dict[str, Rejection] = {}

    @property
    def count(self) -> int:
        """How many readings have a result."""
        return len(self.predicted) + len(self.rejected)

    def gather(self) -> None:
        """Enter the results since the last call."""
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
        """Gather until no reading is missing; False where that took longer than `within_s`.

        `meanwhile` is called with the number of missing readings after each attempt, and may raise.
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
            # Folders, buckets and topics send no notification of a new file: they have to be polled.
            time.sleep(self._poll_interval_s)
