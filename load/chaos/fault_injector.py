"""FaultInjector: random faults of workers, disks, store and model during a run, one after the other."""

from __future__ import annotations

import errno
import os
import resource
import signal
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rookery.load.child_process import ProcessFailedError
from rookery.schemas.atomic_file import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rookery.load.chaos.models import ModelFile
    from rookery.load.chaos.plan import ChaosPlan
    from rookery.load.chaos.process import RestartableProcess

KILLED: Final = "worker killed (-9)"
DRAINED: Final = "worker ended (-TERM), drained, exit code 0"
_MOST_TIMES: Final = 10
"""How many times its length a load may take until enough workers were killed."""
_TERM_SHARE: Final = 0.35
_FAULT_SECONDS: Final = (0.3, 1.2)
_SLOW_SYNC_SECONDS: Final = 0.2


class FaultInjector:
    """Kills a worker a cycle and breaks something else between; `survived` counts what was done."""

    def __init__(
        self,
        plan: ChaosPlan,
        workers: Sequence[RestartableProcess],
        *,
        model: ModelFile,
        store: RestartableProcess | None = None,
    ) -> None:
        self.survived: Counter[str] = Counter()
        self._plan = plan
        self._dice = plan.dice("faults")
        self._workers = workers
        self._fault = plan.fault
        self._model = model
        self._others = self._of_disks() if store is None else self._of_a_store(store)
        self._others["model swapped"] = model.swap
        self._others["model corrupted"] = lambda: model.corrupt(self._dice)

    def _of_disks(self) -> dict[str, Callable[[], None]]:
        return {
            "disk full (ENOSPC at sync)": lambda: self._failing(str(errno.ENOSPC)),
            "disk broken (EIO at sync)": lambda: self._failing(str(errno.EIO)),
            "disk slow": lambda: self._failing(f"slow {_SLOW_SYNC_SECONDS}"),
            "file size limit of the system (EFBIG)": self._limited,
        }

    def _of_a_store(self, store: RestartableProcess) -> dict[str, Callable[[], None]]:
        """A store only hangs: it refuses, delays and drops answers by itself."""

        def hangs() -> None:
            os.kill(store.pid, signal.SIGSTOP)
            time.sleep(self._dice.uniform(*_FAULT_SECONDS))
            os.kill(store.pid, signal.SIGCONT)

        return {"store hangs": hangs}

    def inject(self) -> None:
        """Inject faults for the plan's length, then repair them all; raises ProcessFailedError where a worker ends wrongly."""
        started = time.monotonic()
        while self._goes_on((began := time.monotonic()) - started):
            self._end(self._dice.choice(self._workers))
            name = self._dice.choice(list(self._others))
            self._others[name]()
            self.survived[name] += 1
            time.sleep(max(0.0, self._plan.cycle_s - (time.monotonic() - began)))
        self._model.swap()

    def _goes_on(self, seconds: float) -> bool:
        plan = self._plan
        return seconds < plan.seconds or (
            self.kills < plan.least_kills and seconds < _MOST_TIMES * plan.seconds
        )

    @property
    def kills(self) -> int:
        """Workers killed or ended."""
        return self.survived[KILLED] + self.survived[DRAINED]

    def _end(self, worker: RestartableProcess) -> None:
        if self._dice.random() < _TERM_SHARE:
            code = worker.end(signal.SIGTERM)
            if code:
                raise ProcessFailedError(f"{worker.name} ended with {code} after SIGTERM; see {worker.log}")
            self.survived[DRAINED] += 1
        else:
            worker.end(signal.SIGKILL)
            self.survived[KILLED] += 1
        worker.start()

    def _failing(self, how: str) -> None:
        """Let every sync of all workers fail or crawl for a moment."""
        write_atomically(self._fault, how.encode(), sync=False)
        time.sleep(self._dice.uniform(*_FAULT_SECONDS))
        self._fault.unlink()

    def _limited(self) -> None:
        """Let the system refuse one worker every byte that it would write to a file."""
        with file_size_limited(self._dice.choice(self._workers).pid):
            time.sleep(self._dice.uniform(*_FAULT_SECONDS))


@contextmanager
def file_size_limited(pid: int) -> Iterator[None]:
    """Let the system refuse a process every byte that it would write to a file, while inside."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
