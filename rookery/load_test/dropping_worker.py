"""`python -m rookery.load_test.dropping_worker`: a worker that drops lines, so that a test can see the ledger report them.

The argument is required: `... dropping_worker 10000` drops one line in 10,000. Only the method that writes into a folder is
replaced; the worker has no code for this fault.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rookery.worker.sinks.folder import FolderSink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rookery.worker.sinks.protocol import LineBlock

    Write = Callable[[Any, LineBlock], Awaitable[None]]


def dropping(write: Write, every: int) -> Write:
    """Wrap a sink's write so that it drops every `every`-th line without an error."""
    serial = itertools.count(1)

    async def _write(sink: Any, block: LineBlock) -> None:
        kept = [line for line in block.lines if next(serial) % every]
        await write(sink, replace(block, lines=kept))

    return _write


if __name__ == "__main__":
    written = sys.argv.pop() if len(sys.argv) > 1 else ""
    if not written.isdecimal() or int(written) < 1:
        sys.exit("an argument is needed: 10000 drops one line in 10,000")
    FolderSink.write = dropping(FolderSink.write, int(written))  # type: ignore[assignment, method-assign]  # the one fault
    runpy.run_module("rookery.worker", run_name="__main__")
