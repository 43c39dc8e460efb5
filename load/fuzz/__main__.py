"""`python -m load.fuzz`: bodies in any number at a real worker; exit code 0 only where each was treated as it must be."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from load.chaos.process import Broken
from load.footprint import growth
from load.fuzz.run import run

_SHOWN: Final = 10


def main() -> int:
    """Run once; returns 0 if nothing was found, 1 if something was, 2 if the worker ended."""
    parser = argparse.ArgumentParser(prog="python -m load.fuzz", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="repeat a run's bodies"
    )
    parser.add_argument("--count", type=int, default=200_000, help="bodies to post (default: 200000)")
    options = parser.parse_args()
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    say(f"Fuzzing with seed {options.seed}: {options.count:,} bodies")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rookery-fuzz-") as folder:
        try:
            findings = run(
                options.seed,
                options.count,
                Path(folder),
                told=lambda found: say(f"  {found.posted:,} so far, {len(found.wrong)} wrong"),
            )
        except Broken as error:
            say(f"Broken: {error}")
            return 2
    say(f"{findings.posted:,} bodies in {time.monotonic() - began:.0f} s")
    for answered, times in sorted(findings.statuses.items()):
        say(f"  {answered:14} {times:>10,}")
    grown = growth(findings.footprints)
    if grown is not None:
        say(
            f"  memory {grown.resident_before / 1e6:.1f} -> {grown.resident_after / 1e6:.1f} MB,"
            f" open files {grown.files_before:.0f} -> {grown.files_after:.0f}"
        )
    for each in (*findings.wrong[:_SHOWN], *findings.tracebacks[:_SHOWN]):
        say(each)
    say(f"{len(findings.wrong)} wrong, {len(findings.tracebacks)} tracebacks")
    return int(bool(findings.wrong or findings.tracebacks or (grown and grown.leaks)))


if __name__ == "__main__":
    sys.exit(main())
