"""`python -m rookery.load.amplification`: every worst case at a worker of its own; exit code 0 only where each stayed in bounds."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from rookery.load.amplification.cases import CASES, mixed
from rookery.load.amplification.run import MOST_RESIDENT, cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.load.amplification.run import Cost

_LONGEST_BESIDE_S: Final = 1.0
_ACKNOWLEDGED: Final = 204


def main() -> int:
    """Run every case once; returns 0 if all were in bounds, else 1."""
    parser = argparse.ArgumentParser(prog="python -m rookery.load.amplification", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="repeat a run's mixed messages"
    )
    parser.add_argument(
        "--mixed", type=int, default=10, help="mixed messages beside the others (default: 10)"
    )
    parser.add_argument("--only", default="", help="only cases whose names have these words")
    options = parser.parse_args()
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    say(f"Mixed messages from seed {options.seed}")
    say(f"{'message':42}{'MB':>7}{'lines MB':>10}{'memory MB':>11}{'seconds':>9}{'beside: most s':>16}")
    beyond = 0
    for case in (*CASES, *map(mixed, range(options.seed, options.seed + options.mixed))):
        if options.only not in case.name:
            continue
        with tempfile.TemporaryDirectory(prefix="rookery-worst-") as folder:
            found = cost(case, Path(folder))
        wrong = [*_beyond(found)]
        beyond += bool(wrong)
        say(
            f"{case.name:42}{found.taken / 1e6:7.2f}{found.written / 1e6:10.2f}{found.resident / 1e6:11.0f}"
            f"{found.seconds:9.2f}{found.longest_beside:16.3f}  {', '.join(wrong)}"
        )
    say(f"{beyond} beyond their bounds")
    return int(bool(beyond))


def _beyond(found: Cost) -> Iterator[str]:
    if found.status != _ACKNOWLEDGED:
        yield f"answered {found.status}"
    if found.resident > MOST_RESIDENT:
        yield "too much memory"
    if found.written > found.most_written:
        yield "too many bytes written"
    if found.longest_beside > _LONGEST_BESIDE_S:
        yield "a reading beside it waited too long"
    if found.tracebacks:
        yield "a traceback"


if __name__ == "__main__":
    sys.exit(main())
