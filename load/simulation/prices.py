"""Prices: the one dated file of list prices by region, and what a run of the simulation would have cost."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

PRICES: Final = Path(__file__).parent / "prices" / "2026-11-26.toml"
DEFAULT_REGION: Final = "europe-west1"
"""The region that deploy/terraform has where none is chosen."""

TIB: Final = 2**40
_MILLION: Final = 1e6


class Billing(Enum):
    """The ways in which Cloud Run bills CPU and memory."""

    REQUEST = "request"
    """A service whose CPU is there only while it answers: a fee for each request, and the time with one."""

    INSTANCE = "instance"
    """A service whose CPU is always there: the lifetime of each instance."""

    POOL = "worker pool"
    """A worker pool: the lifetime of each instance, at lower rates."""


class UnknownRegionError(Exception):
    """The file of prices does not have the region; the message names those that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars in one region; see the file for what each is of."""

    date: str
    region: str
    pubsub_per_tib: float
    pubsub_export_per_tib: float
    pubsub_least_bytes: int
    storage_per_thousand_writes: float
    storage_gib_month: float
    egress_per_gib: float
    requests_per_million: float
    request_vcpu_second: float
    request_gib_second: float
    idle_vcpu_second: float
    instance_vcpu_second: float
    instance_gib_second: float
    pool_vcpu_second: float
    pool_gib_second: float

    def vcpu_second(self, billing: Billing) -> float:
        """The price of a vCPU for a second."""
        return {
            Billing.REQUEST: self.request_vcpu_second,
            Billing.INSTANCE: self.instance_vcpu_second,
            Billing.POOL: self.pool_vcpu_second,
        }[billing]

    def gib_second(self, billing: Billing) -> float:
        """The price of a GiB of memory for a second."""
        return {
            Billing.REQUEST: self.request_gib_second,
            Billing.INSTANCE: self.instance_gib_second,
            Billing.POOL: self.pool_gib_second,
        }[billing]


def prices(region: str = DEFAULT_REGION, path: Path = PRICES) -> Prices:
    """Read the prices of a region; raises UnknownRegionError, OSError, and TypeError for an incomplete file."""
    known = tomllib.loads(path.read_text())
    regions, tiers = known.pop("regions"), known.pop("tiers")
    if region not in regions:
        raise UnknownRegionError(f"{region} has no prices of {known['date']}; {', '.join(regions)} have.")
    own = dict(regions[region])
    return Prices(region=region, **known, **tiers[str(own.pop("tier"))], **own)


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


def bill(usage: Usage, known: Prices, billing: Billing = Billing.REQUEST) -> Bill:
    """Return the price of a million readings at this usage; raises ZeroDivisionError for none."""
    least, per_byte = known.pubsub_least_bytes, known.pubsub_per_tib / TIB
    scale = _MILLION / usage.readings
    fee = known.requests_per_million if billing is Billing.REQUEST else 0.0
    return Bill(
        publish=scale * max(usage.publish_bytes, usage.publishes * least) * per_byte,
        push=scale * usage.pushes * max(usage.push_bytes, least) * per_byte,
        requests=scale * usage.pushes / _MILLION * fee,
        cpu=scale * usage.vcpu_seconds * known.vcpu_second(billing),
        memory=scale * usage.gib_seconds * known.gib_second(billing),
        storage=scale * usage.objects / 1000 * known.storage_per_thousand_writes,
    )
