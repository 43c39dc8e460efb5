"""Killer: kills each program of a run at random moments of its load, and starts it again, in a thread of its own."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.fault_injector import file_size_limited
from rookery.load.child_process import ProcessFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from rookery.load.chaos.kills.load_progress import LoadProgress
    from rookery.load.chaos.kills.plan import KillPlan
    from rookery.load.chaos.process import RestartableProcess

DISK_FULL: Final = "broker's disk refuses every byte (EFBIG)"
_DISK_FAULT_SHARE: Final = 0.3
_FAULT_S: Final = (0.3, 1.2)
_LOOK_EVERY_S: Final = 0.1


class Killer:
    """Kills programs of several kinds as the plan has it; `survived` counts the kills by kind."""

    def __init__(
        self, plan: KillPlan, programs: Mapping[str, Sequence[RestartableProcess]], progress: LoadProgress
    ) -> None:
        self.survived: Counter[str] = Counter()
        self._plan = plan
        self._programs = programs
        self._progress = progress
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._failures: list[Exception] = []

    @property
    def kills(self) -> int:
        """How many programs were killed."""
        return self.survived.total() - self.survived[DISK_FULL]

    def kill_all(self) -> None:
        """Kill until the load is over, and return with every program running; raises ProcessFailedError."""
        threads = [
            threading.Thread(target=self._kill_one, args=(kind, nth, each), name=f"killer of {each.name}")
            for kind, programs in self._programs.items()
            for nth, each in enumerate(programs)
        ]
        for thread in threads:
            thread.start()
        while not self._failures and any(thread.is_alive() for thread in threads):
            self._progress.look()
            if self._progress.stuck:
                self._failures.append(ProcessFailedError(f"the load does not go on: {self._progress}"))
            self._over.wait(_LOOK_EVERY_S)
        self._over.set()
        for thread in threads:
            thread.join()
        for failure in self._failures:
            raise failure

    def _kill_one(self, kind: str, nth: int, process: RestartableProcess) -> None:
        dice = self._plan.dice(f"killer of {process.name}")
        try:
            for share in (*self._plan.kills_at(kind, nth, len(self._programs[kind])), None):
                while self._progress.share(kind) < (1.0 if share is None else share):
                    if self._over.wait(_LOOK_EVERY_S):
                        return
                if share is not None:
                    self._kill(kind, process, dice)
        except Exception as error:  # noqa: BLE001  a thread has no caller to raise to: kill_all reads it
            self._failures.append(error)

    def _kill(self, kind: str, process: RestartableProcess, dice: Random) -> None:
        if kind == "broker" and dice.random() < _DISK_FAULT_SHARE:
            # Some of the faults end with the broker: it is killed while nothing can be written.
            with suppress(ProcessLookupError), file_size_limited(process.pid):
                self._over.wait(dice.uniform(*_FAULT_S))
                if dice.random() < 0.5:  # noqa: PLR2004  one way or the other
                    process.end(signal.SIGKILL)
            self._count(DISK_FULL)
        if process.code is None:
            process.end(signal.SIGKILL)
        process.start()
        self._count(f"{kind} killed (-9)")

    def _count(self, what: str) -> None:
        with self._lock:
            self.survived[what] += 1
