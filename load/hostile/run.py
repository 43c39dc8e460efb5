"""One run: every sort of hostile connection at a real worker, one sort after the other."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.process import RestartableProcess
from rookery.load.child_process import ProcessFailedError
from rookery.load.footprint import Footprint, footprint
from rookery.load.fuzz.run import settings
from rookery.load.hostile.hostility import LEFT_BYTES, Hostility, Left

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rookery.load.hostile.sorts import Sort

AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`count` connections of each sort, `at_once` open at the same time.

    Of each sort `left_open` more are closed by the worker alone, which has `outwait_s` for it.
    """

    sorts: Sequence[Sort]
    count: int
    at_once: int = AT_ONCE
    left_open: int = 0
    outwait_s: float = 100.0
    fast_path: bool = True


@dataclass(slots=True)
class Outcome:
    """The worker before all, what each sort left, and what was logged as a traceback."""

    first: Footprint
    lefts: list[Left] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """The violated promises; memory that grows a little with each sort is a leak as well."""
        said = [f"{each.sort}: {violation}" for each in self.lefts for violation in each.violations]
        grown = self.lefts[-1].after.resident - self.first.resident if self.lefts else 0
        if grown > LEFT_BYTES:
            said.append(f"after all of them {grown / 1e6:.0f} MB are not given back")
        return said + self.tracebacks


def run(plan: Plan, folder: Path, *, report: Callable[[Left], None] = lambda _: None) -> Outcome:
    """Attack a worker that writes into a folder, and report each sort.

    Raises ProcessFailedError and psutil.NoSuchProcess where the worker ends.
    """
    chosen = settings(folder, "worker") | {
        "ROOKERY_FAST_PATH": str(plan.fast_path).lower(),
        "ROOKERY_LOG_LEVEL": "WARNING",
    }
    with RestartableProcess("worker", ["rookery.worker"], folder=folder, settings=chosen) as worker:
        address = worker.address()
        outcome = asyncio.run(_attacked(Hostility(address, worker.pid, at_once=plan.at_once), plan, report))
        if code := worker.end(signal.SIGTERM):
            raise ProcessFailedError(f"the worker ended with {code}")
        outcome.tracebacks = worker.tracebacks
    return outcome


async def _attacked(hostility: Hostility, plan: Plan, report: Callable[[Left], None]) -> Outcome:
    await hostility.warm_up()
    outcome = Outcome(footprint(hostility.pid))
    for sort in plan.sorts:
        left = await hostility.attack(sort, plan.count, left_open=plan.left_open, outwait_s=plan.outwait_s)
        outcome.lefts.append(left)
        report(left)
    return outcome
