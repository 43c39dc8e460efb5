"""Sample: what worker and broker looked like from outside at one moment of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`cpu` in cores and `memory` in MB by process; totals so far of broker and worker, None where they are unknown.

    `sizes` maps a batch size to the number of batches up to it.
    """

    at: float
    cpu: Mapping[str, float]
    memory: Mapping[str, float]
    backlog: int | None
    outstanding: int | None
    acked: int | None
    nacked: int | None
    window: int | None
    batches: float | None
    batched: float | None
    sizes: Mapping[str, float]


def samples(path: Path) -> list[Sample]:
    """Read a file of samples; raises OSError."""
    return [Sample(**json.loads(line)) for line in path.read_text().splitlines()]
