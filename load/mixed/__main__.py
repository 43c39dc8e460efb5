"""`python -m rookery.load.mixed`: 85 % single readings and 15 % tables over 100 connections at a worker on one core.

Exit code 0 only where every message was acknowledged (a full queue may have delayed it), every row is in the results
once and as the model said beforehand, nothing but observers failed, and memory did not grow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from rookery.load.child_process import ProcessFailedError
from rookery.load.footprint import Footprint, growth
from rookery.load.mixed.run import Order, run


def main() -> int:
    """Run once; returns 0 if all held, 1 otherwise, 2 if the worker ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m rookery.load.mixed", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (default: 2)")
    parser.add_argument(
        "--rate", type=float, default=0.0, help="messages a second at most (default: no bound)"
    )
    parser.add_argument(
        "--core", type=int, default=0, help="the core that the worker has to itself (default: 0)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the readings and of the faults")
    parser.add_argument(
        "--failing-observers", action="store_true", help="metrics, drift, logs, traces raise at random"
    )
    options = parser.parse_args()
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rookery-mixed-") as folder:
        order = Order(
            folder=Path(folder),
            seed=options.seed,
            seconds=options.minutes * 60,
            rate=options.rate,
            failing_observers=options.failing_observers,
            core=options.core,
        )
        try:
            findings = run(order)
        except ProcessFailedError as error:
            say(f"Broken: {error}")
            return 2
    say(f"{findings.messages:,} messages, {findings.account.rows:,} rows in {time.monotonic() - began:.0f} s")
    for status, times in sorted(findings.statuses.items()):
        say(f"  answered {status}: {times:,}")
    for cause, times in sorted(findings.causes.items()):
        say(f"  nacked for {cause}: {times:,}")
    say(
        f"  rows missing {findings.missing}, wrong {findings.account.wrongs}; not ready {findings.not_ready} times"
    )
    say(f"  {_memory(findings.footprints)}")
    for each in (*findings.account.wrong, *findings.tracebacks):
        say(f"  {each[:400]}")
    grown = growth(findings.footprints)
    return int(not findings.good or (grown is not None and grown.leaks))


def _memory(seen: list[Footprint]) -> str:
    """Memory at start, in the middle and at the end, and whether it grew after the first third."""
    if not seen:
        return "memory: too short to tell"
    places = (0, len(seen) // 3, len(seen) // 2, len(seen) - 1)
    resident = " -> ".join(f"{seen[place].resident / 1e6:.0f}" for place in places)
    grown = growth(seen)
    verdict = "too short to tell" if grown is None else "grows" if grown.leaks else "flat"
    return f"memory at start, third, half and end {resident} MB, {seen[-1].files} open files: {verdict}"


if __name__ == "__main__":
    sys.exit(main())
