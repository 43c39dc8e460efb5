"""Killer: kills each program of a run at random moments, and starts it again, in a thread of its own."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.fault_injector import file_size_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rookery.load.chaos.kills.plan import KillPlan
    from rookery.load.chaos.process import RestartableProcess

DISK_FULL: Final = "broker's disk refuses every byte (EFBIG)"
_DISK_FAULT_SHARE: Final = 0.3
_FAULT_S: Final = (0.3, 1.2)
_SPREAD: Final = (0.2, 1.8)
_LONGEST_CATCH_UP_S: Final = 0.5
"""After a start that took longer than the time to the next kill, the program runs for so long at most."""
_MOST_TIMES_LONGER: Final = 3
_LOOK_EVERY_S: Final = 0.5


class Killer:
    """Kills programs, by the kind that `survived` counts them under, until the plan's time is over and the load is.

    `loaded` says whether the load is over.
    """

    def __init__(
        self,
        plan: KillPlan,
        programs: Mapping[RestartableProcess, str],
        *,
        loaded: Callable[[], bool] = lambda: True,
    ) -> None:
        self.survived: Counter[str] = Counter()
        self._plan = plan
        self._programs = programs
        self._loaded = loaded
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._failures: list[Exception] = []

    @property
    def kills(self) -> int:
        """How many programs were killed."""
        return self.survived.total() - self.survived[DISK_FULL]

    def kill_all(self) -> None:
        """Kill for the plan's length, and return with every program running; raises ProcessFailedError."""
        threads = [
            threading.Thread(target=self._kill_one, args=each, name=f"killer of {each[0].name}")
            for each in self._programs.items()
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        while not self._failures and self._goes_on(time.monotonic() - began):
            self._over.wait(_LOOK_EVERY_S)
        self._over.set()
        for thread in threads:
            thread.join()
        for failure in self._failures:
            raise failure

    def _goes_on(self, seconds: float) -> bool:
        plan, kinds = self._plan, set(self._programs.values())
        if plan.readings is None and seconds < plan.seconds:
            return True
        few = self.kills < plan.least_kills or any(
            self.survived[_killed(kind)] < plan.kills_each for kind in kinds
        )
        return seconds < _MOST_TIMES_LONGER * plan.seconds and (few or not self._loaded())

    def _kill_one(self, process: RestartableProcess, kind: str) -> None:
        dice = self._plan.dice(f"killer of {process.name}")
        # Each kind is killed as often as any other, whatever a start takes.
        every_s = self._plan.every_s * list(self._programs.values()).count(kind)
        kill_at = time.monotonic()
        try:
            while True:
                kill_at += dice.uniform(*_SPREAD) * every_s
                kill_at = max(kill_at, time.monotonic() + dice.uniform(0, _LONGEST_CATCH_UP_S))
                if self._over.wait(kill_at - time.monotonic()):
                    return
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
                self._count(_killed(kind))
        except Exception as error:  # noqa: BLE001  a thread has no caller to raise to: kill_all reads it
            self._failures.append(error)

    def _count(self, what: str) -> None:
        with self._lock:
            self.survived[what] += 1


def _killed(kind: str) -> str:
    return f"{kind} killed (-9)"
