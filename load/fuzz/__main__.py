"""`python -m rookery.load.fuzz`: bodies and connections in any number at real workers; exit code 0 only where each was treated as it must be."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from rookery.load.child_process import ProcessFailedError
from rookery.load.footprint import growth
from rookery.load.fuzz.arrow_bodies import ArrowBodies, message_ids
from rookery.load.fuzz.exchanges import run as exchange_run
from rookery.load.fuzz.run import BodySource, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.fuzz.run import Findings

_SHOWN: Final = 10
_CONNECTIONS_SHARE: Final = 0.1
"""Connections among what is tried: each costs some twenty times as much as a body."""


def main() -> int:
    """Run once; returns 0 if nothing was found, 1 if something was, 2 if a worker ended."""
    parser = argparse.ArgumentParser(prog="python -m rookery.load.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="repeat a run")
    parser.add_argument(
        "--count", type=int, default=200_000, help="bodies and connections to try (default: 200000)"
    )
    parser.add_argument(
        "--connections",
        type=int,
        help="so many of them vary heads, encodings, framing and endings (default: a tenth)",
    )
    parser.add_argument(
        "--arrow", type=int, metavar="COUNT", help="only so many messages of damaged Arrow streams"
    )
    options = parser.parse_args()
    connections = options.connections
    if connections is None:
        connections = int(options.count * _CONNECTIONS_SHARE)
    say = Console(highlight=False, markup=False, soft_wrap=True).print
    try:
        if options.arrow is not None:
            streams = partial(run, source=BodySource(ArrowBodies, message_ids))
            return int(
                not _tried("messages of damaged Arrow streams", streams, options.seed, options.arrow, say)
            )
        clean = [
            _tried("bodies", run, options.seed, max(0, options.count - connections), say),
            _tried("connections on both HTTP paths", exchange_run.run, options.seed, connections, say),
        ]
    except ProcessFailedError as error:
        say(f"Broken: {error}")
        return 2
    return int(not all(clean))


def _tried(
    what: str, fuzz: Callable[..., Findings], seed: int, count: int, say: Callable[[str], None]
) -> bool:
    """Try so many and tell what was found; whether it was nothing."""
    say(f"Fuzzing with seed {seed}: {count:,} {what}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rookery-fuzz-") as folder:
        findings = fuzz(
            seed,
            count,
            Path(folder),
            report=lambda found: say(f"  {found.posted:,} so far, {len(found.wrong)} wrong"),
        )
    say(f"{findings.posted:,} {what} in {time.monotonic() - began:.0f} s")
    for answered, times in sorted(findings.statuses.items()):
        say(f"  {answered:18} {times:>10,}")
    grown = growth(findings.footprints)
    if grown is not None:
        say(
            f"  memory {grown.resident_before / 1e6:.1f} -> {grown.resident_after / 1e6:.1f} MB,"
            f" open files {grown.files_before:.0f} -> {grown.files_after:.0f}"
        )
    for each in (*findings.wrong[:_SHOWN], *findings.tracebacks[:_SHOWN]):
        say(each)
    say(f"{len(findings.wrong)} wrong, {len(findings.tracebacks)} tracebacks")
    return not (findings.wrong or findings.tracebacks or (grown and grown.leaks))


if __name__ == "__main__":
    sys.exit(main())
