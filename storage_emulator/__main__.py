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
    options = _options()
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    dice = Random(options.seed)  # noqa: S311  faults need repeatability, not secrecy
    with StorageServer(*options.bucket) as server:
        write_atomically(options.ready_file, server.url.encode(), sync=False)
        while not stopping.wait(options.fault_every or None):
            server.faults.inject("insert", dice.choice(FAULTS))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m storage_emulator", description=__doc__)
    parser.add_argument(
        "--bucket", action="append", default=[], help="a bucket to begin with; may be repeated"
    )
    parser.add_argument("--ready-file", type=Path, required=True, help="gets the address once it serves")
    parser.add_argument("--fault-every", type=float, default=0.0, metavar="SECONDS", help="0: never")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same faults")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
