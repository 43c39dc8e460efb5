"""Prices: the one dated file of list prices, and what a run of the simulation would have cost."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PRICES: Final = Path(__file__).parent / "prices" / "2026-11-23.toml"
_TIB: Final = 2**40
_MILLION: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars; see the file for what each is of."""

    date: str
    pubsub_per_tib: float
    pubsub_least_bytes: int
    run_per_million_requests: float
    run_per_vcpu_second: float
    run_per_gib_second: float
    storage_per_thousand_writes: float


def prices(path: Path = PRICES) -> Prices:
    """Read a file of prices; raises OSError, and TypeError for an incomplete one."""
    return Prices(**tomllib.loads(path.read_text()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The resources that some readings used; `publishes` are requests of `publish_bytes` in all, `pushes` of `push_bytes` each."""

    readings: int
    publishes: int
    publish_bytes: int
    pushes: int
    push_bytes: int
    vcpu_seconds: float
    gib_seconds: float
    objects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Dollars per million readings, by who takes them."""

    publish: float
    push: float
    requests: float
    cpu: float
    memory: float
    storage: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.publish + self.push + self.requests + self.cpu + self.memory + self.storage


def bill(usage: Usage, known: Prices) -> Bill:
    """Say what a million readings cost at this usage; raises ZeroDivisionError for none."""
    least, per_byte = known.pubsub_least_bytes, known.pubsub_per_tib / _TIB
    scale = _MILLION / usage.readings
    return Bill(
        publish=scale * max(usage.publish_bytes, usage.publishes * least) * per_byte,
        push=scale * usage.pushes * max(usage.push_bytes, least) * per_byte,
        requests=scale * usage.pushes / _MILLION * known.run_per_million_requests,
        cpu=scale * usage.vcpu_seconds * known.run_per_vcpu_second,
        memory=scale * usage.gib_seconds * known.run_per_gib_second,
        storage=scale * usage.objects / 1000 * known.storage_per_thousand_writes,
    )
