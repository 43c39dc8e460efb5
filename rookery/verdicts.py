"""Verdicts: what has become durable so far, entered in the ledger as it appears."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from load.results import predictions, rejections

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from load.ledger import Ledger
    from schemas.prediction import Prediction
    from schemas.rejection import Rejection

_LOOK_EVERY_S: Final = 0.02


class Verdicts:
    """Follows a worker's two folders; `predicted` and `rejected` hold each reading once."""

    def __init__(self, results: Path, rejects: Path, ledger: Ledger) -> None:
        self._results = predictions(results)
        self._rejects = rejections(rejects)
        self._ledger = ledger
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
            # A folder tells nobody that a file was added: it has to be looked at.
            time.sleep(_LOOK_EVERY_S)
