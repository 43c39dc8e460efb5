"""`python -m rookery.load.soak`: hours of steady readings, memory and open files sampled; exit code 0 only without growth."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from rookery.load.accounting.ledger import Ledger
from rookery.load.chaos.labelled_readings import labelled_readings
from rookery.load.chaos.plan import ChaosPlan
from rookery.load.chaos.results_location import folder
from rookery.load.chaos.run import enter, settle
from rookery.load.chaos.stage import TOPIC, broker, subscribe, worker
from rookery.load.chaos.workload import Workload
from rookery.load.child_process import ProcessFailedError
from rookery.load.footprint import Footprint, footprint, growth

if TYPE_CHECKING:
    from rookery.load.chaos.process import RestartableProcess
    from rookery.load.footprint import Growth

_SAMPLE_EVERY_S: Final = 1.0
_REMEMBERED: Final = "20000"
"""So that the window of duplicates is full within the warm-up."""


def main() -> int:
    """Run once; returns 0 if nothing grew and nothing was lost, 1 otherwise, 2 if a program ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m rookery.load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the readings")
    options = parser.parse_args()
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="rookery-soak-") as root:
        plan = ChaosPlan(seed=options.seed, seconds=options.minutes * 60, folder=Path(root), workers=1)
        ledger = Ledger()
        try:
            grown = run(plan, ledger)
        except ProcessFailedError as error:
            out.print(f"Broken: {error}")
            return 2
    account = ledger.close()
    out.print(_table(plan, grown))
    out.print(f"{account.published:,} readings, lost {len(account.lost)}, wrong {len(account.wrong)}")
    return int(not account.closed or any(each is None or each.leaks for each in grown.values()))


def run(plan: ChaosPlan, ledger: Ledger) -> dict[str, Growth | None]:
    """Send readings steadily for the plan's seconds; returns how each program grew, None where it was too short to tell."""
    seen: dict[str, list[Footprint]] = defaultdict(list)
    places = folder(plan.folder)
    with (
        broker(plan, faults={}) as embedded,
        worker("worker", plan, places, ROOKERY_DEDUPLICATION_ROWS=_REMEMBERED) as one,
    ):
        address = one.address()
        readings = labelled_readings(address, plan.seed)
        subscribe(embedded.address(), address)
        with Workload(plan, TOPIC, broker=embedded.address(), readings=readings, ledger=ledger) as workload:
            _watch((embedded, one), seen, seconds=plan.seconds)
        workload.check()
        settle(plan, ledger, places)
    enter(ledger, places)
    return {name: growth(each) for name, each in seen.items()}


def _watch(
    processes: tuple[RestartableProcess, ...], seen: dict[str, list[Footprint]], *, seconds: float
) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_SAMPLE_EVERY_S)
        for each in processes:
            seen[each.name].append(footprint(each.pid))


def _table(plan: ChaosPlan, grown: dict[str, Growth | None]) -> Table:
    table = Table("program", "memory, MB", "open files", "grows", title=f"Soak, {plan.seconds / 60:g} min")
    for name, each in grown.items():
        if each is None:
            table.add_row(name, "too short", "to", "tell")
        else:
            table.add_row(
                name,
                f"{each.resident_before / 1e6:.1f} -> {each.resident_after / 1e6:.1f}",
                f"{each.files_before:.0f} -> {each.files_after:.0f}",
                "yes" if each.leaks else "no",
            )
    return table


if __name__ == "__main__":
    sys.exit(main())
