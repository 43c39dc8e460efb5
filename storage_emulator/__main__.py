"""`python -m storage_emulator`: the strict store as a process of its own, with seeded faults if asked for."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from random import Random
from typing import Final

from rookery.schemas.atomic_file import write_atomically
from storage_emulator.faults import StorageFault
from storage_emulator.server import StorageServer

FAULTS: Final = (
    StorageFault(status=503),
    StorageFault(status=503, carried_out=True),
    StorageFault(status=429),
    StorageFault(reset=True),
    StorageFault(reset=True, carried_out=True),
    StorageFault(delay_s=1.0),
)
"""The faults of an upload: refused or not, with the object there or not, and late."""


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    options = parser().parse_args()
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    dice = Random(options.seed)  # noqa: S311  faults need repeatability, not secrecy
    with StorageServer(*options.bucket, host=options.host, port=options.port) as server:
        if options.ready_file:
            write_atomically(options.ready_file, server.url.encode(), sync=False)
        while not stopping.wait(options.fault_every or None):
            server.faults.inject("insert", dice.choice(FAULTS))
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    options = argparse.ArgumentParser(prog="python -m storage_emulator", description=__doc__)
    options.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    options.add_argument("--port", type=int, default=0, help="0: any free one (default)")
    options.add_argument(
        "--bucket", action="append", default=[], help="a bucket to begin with; may be repeated"
    )
    options.add_argument("--ready-file", type=Path, help="gets the address once it serves")
    options.add_argument("--fault-every", type=float, default=0.0, metavar="SECONDS", help="0: never")
    options.add_argument("--seed", type=int, default=0, help="the same seed gives the same faults")
    return options


if __name__ == "__main__":
    sys.exit(main())
