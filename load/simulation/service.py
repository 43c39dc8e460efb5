"""Service: how long a worker's work takes, and how its sink writes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEASURED: Final = Path(__file__).parent / "service-2026-11-23.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Seconds of one core for a batch, for each of its messages and each of its rows; `start` until one is ready.

    `write` is what making a block durable takes. Where `flush_interval_seconds` is 0 (a folder), a batch waits for that;
    else a sink gathers: one write begins each `flush_interval_seconds`, or sooner for `flush_rows`.
    """

    per_batch: float
    per_message: float
    per_row: float
    start: float = 2.0
    write: float = 0.08
    flush_interval_seconds: float = 0.25
    flush_rows: int = 1000
    batch_rows: int = 4096
    machine: str = ""
    date: str = ""

    def seconds(self, messages: float, rows: float) -> float:
        """Seconds of a core that one batch takes, of so many messages and rows in the mean."""
        return self.per_batch + messages * self.per_message + rows * self.per_row

    @property
    def gathers(self) -> bool:
        """Whether the sink gathers what batches hand it."""
        return self.flush_interval_seconds > 0


def measured(path: Path = MEASURED) -> Service:
    """Read the measured service times; raises OSError, and TypeError for an unknown name."""
    return Service(**tomllib.loads(path.read_text()))
