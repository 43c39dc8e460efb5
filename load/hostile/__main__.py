"""`python -m rookery.load.hostile`: hostile connections of every sort at a real worker; exit code 0 only where it holds afterwards what it held before."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from rich.console import Console

from rookery.load.child_process import ProcessFailedError
from rookery.load.hostile.run import AT_ONCE, Plan, run
from rookery.load.hostile.sorts import SORTS

if TYPE_CHECKING:
    from rookery.load.hostile.hostility import Left

_SHOWN: Final = 20


def main() -> int:
    """Run once; returns 0 if nothing was found, 1 if something was, 2 if the worker ended."""
    options = _parser().parse_args()
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    plan = Plan(
        sorts=[each for each in SORTS if options.only in each.name],
        count=options.count,
        at_once=options.at_once,
        left_open=options.left_open,
        outwait_s=options.outwait,
        fast_path=not options.slow_path,
    )
    with tempfile.TemporaryDirectory(prefix="rookery-hostile-") as folder:
        try:
            outcome = run(plan, Path(folder), report=lambda left: say(_line(left)))
        except (ProcessFailedError, psutil.NoSuchProcess) as error:
            say(f"Broken: {error}")
            return 2
    for each in outcome.violations[:_SHOWN]:
        say(each)
    say(f"{len(outcome.violations)} wrong")
    return int(bool(outcome.violations))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rookery.load.hostile", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="connections of each sort (default: 10000)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="open at the same time (default: 200)")
    parser.add_argument("--only", default="", help="sorts whose names have this in them")
    parser.add_argument(
        "--left-open",
        type=int,
        default=0,
        help="of each sort so many that only the worker closes (default: 0)",
    )
    parser.add_argument(
        "--outwait",
        type=float,
        default=100.0,
        metavar="SECONDS",
        help="how long it has for that (default: 100)",
    )
    parser.add_argument("--slow-path", action="store_true", help="without the fast HTTP path")
    return parser


def _line(left: Left) -> str:
    beside = "was not taken" if left.beside is None else f"took {left.beside:.2f} s"
    memory = " -> ".join(f"{each.resident / 1e6:.0f}" for each in (left.before, left.most, left.after))
    files = " -> ".join(str(each.files) for each in (left.before, left.most, left.after))
    return f"{left.connections:>7,} {left.sort:32} {memory} MB, {files} files, a push beside {beside}"


if __name__ == "__main__":
    sys.exit(main())
