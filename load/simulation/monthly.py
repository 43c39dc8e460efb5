"""Monthly: what a deployment costs in a month of a steady rate, each way of delivery and of results."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from rookery.load.simulation.autoscaler import TARGET
from rookery.load.simulation.prices import TIB, Billing

if TYPE_CHECKING:
    from rookery.load.simulation.prices import Prices
    from rookery.load.simulation.service import Service

MONTH_S: Final = 30 * 24 * 3600
_GIB: Final = 2**30
_PUBLISHED_TOGETHER: Final = 100
"""Messages in one publish request of Google's client; results are published as many at once."""

_PULLED_TOGETHER: Final = 100
"""Messages in one answer of a stream, at these rates."""

_LINE_BYTES: Final = 400
_COMPRESSED_LINE_BYTES: Final = 26
"""A prediction as JSON, and its share of a compressed object of a thousand (measured: 1,000 lines are 26 kB)."""

_EXPORT_FILES_S: Final = 300.0
"""A Cloud Storage subscription closes a file after five minutes (deploy/terraform)."""

PUSH_FLUSH_SECONDS: Final = 0.25
PUSH_FLUSH_ROWS: Final = 200
"""The worker's defaults of ROOKERY_FLUSH_INTERVAL_SECONDS and ROOKERY_FLUSH_ROWS where messages are pushed."""

_MOST_INSTANCE_CORES: Final = 1.0
"""One event loop and one booster thread: more CPUs of an instance do not scale a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudDeployment:
    """A deployment as Terraform describes it; `vcpu` and `gib` are of an instance with its collector."""

    region: str = "europe-west1"
    billing: Billing = Billing.INSTANCE
    results: str = "bucket"
    vcpu: float = 1.1
    gib: float = 1.25
    concurrency: int = 250
    min_instances: int = 1
    max_instances: int = 20
    flush_interval_seconds: float = PUSH_FLUSH_SECONDS
    flush_rows: int = PUSH_FLUSH_ROWS
    bigquery: bool = False

    @property
    def name(self) -> str:
        """Its way in a few words."""
        delivery = "pull" if self.billing is Billing.POOL else f"push, {self.billing.value} billing"
        return f"{delivery}, results by {'subscription' if self.results == 'topic' else 'object'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A steady load: readings a second, `rows` in a message of `message_bytes`; `egress_share` of the results leaves Google."""

    rate: float
    rows: int
    message_bytes: int
    egress_share: float = 0.0

    @property
    def messages(self) -> float:
        """Messages a second."""
        return self.rate / self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyBill:
    """Dollars a month; `idle` is what the instances that are always there cost without one reading."""

    idle: float
    instances: float
    requests: float
    publish: float
    delivery: float
    writes: float
    result_topic: float
    storage: float
    egress: float

    @property
    def total(self) -> float:
        """All of it."""
        return math.fsum(getattr(self, each.name) for each in fields(self))


def monthly_bill(deployment: CloudDeployment, load: Load, service: Service, known: Prices) -> MonthlyBill:
    """Price a month of a steady load, at the prices of the deployment's region."""
    per_byte = known.pubsub_per_tib / TIB
    least = known.pubsub_least_bytes
    readings = load.rate * MONTH_S
    pushed = deployment.billing is not Billing.POOL
    request_billing = deployment.billing is Billing.REQUEST
    published = _batched(load.messages, load.message_bytes, _PUBLISHED_TOGETHER, least)
    delivered = (
        load.messages * max(load.message_bytes, least)
        if pushed
        else _batched(load.messages, load.message_bytes, _PULLED_TOGETHER, least)
    )
    exported = readings * _LINE_BYTES
    by_topic = deployment.results == "topic"
    idle, instances = _instances(deployment, load, service, known)
    return MonthlyBill(
        idle=idle,
        instances=instances,
        requests=load.messages * MONTH_S / 1e6 * known.requests_per_million if request_billing else 0.0,
        publish=published * MONTH_S * per_byte,
        delivery=delivered * MONTH_S * per_byte,
        writes=objects(deployment, load, service) / 1000 * known.storage_per_thousand_writes,
        result_topic=exported
        / TIB
        * (known.pubsub_per_tib + known.pubsub_export_per_tib * (1 + deployment.bigquery))
        if by_topic
        else 0.0,
        storage=readings
        * (_LINE_BYTES if by_topic else _COMPRESSED_LINE_BYTES)
        / _GIB
        * known.storage_gib_month,
        egress=exported * load.egress_share / _GIB * known.egress_per_gib,
    )


def _instances(
    deployment: CloudDeployment, load: Load, service: Service, known: Prices
) -> tuple[float, float]:
    """Dollars a month of the minimum without a reading, and what the load adds to them."""
    gib = deployment.gib * known.gib_second(deployment.billing)
    busy = deployment.vcpu * known.vcpu_second(deployment.billing) + gib
    # Under request billing the CPU of an instance without a request is cheaper, its memory is not.
    idle = deployment.vcpu * known.idle_vcpu_second + gib if deployment.billing is Billing.REQUEST else busy
    always = deployment.min_instances * MONTH_S
    seconds = instance_seconds(deployment, load, service)
    return always * idle, seconds * busy - min(seconds, always) * idle


def _batched(messages: float, size: int, together: int, least: int) -> float:
    """Billed bytes a second of messages that go together where they are many."""
    requests = messages / max(1.0, min(together, messages))
    return max(messages * size, requests * least)


def busy_cores(load: Load, service: Service) -> float:
    """Cores that work all the time: each message in a batch with those of the same hundredth of a second."""
    batches = min(load.messages, 100.0 * max(1.0, load.rate / (100.0 * service.batch_rows)))
    return batches * service.per_batch + load.messages * service.per_message + load.rate * service.per_row


def instances_of(deployment: CloudDeployment, load: Load, service: Service) -> int:
    """Instances that Cloud Run keeps for the load: by CPU, and with push by concurrency, each at its target."""
    wanted = math.ceil(busy_cores(load, service) / (TARGET * _MOST_INSTANCE_CORES))
    if deployment.billing is not Billing.POOL:
        held = load.messages * latency(deployment, service)
        wanted = max(wanted, math.ceil(held / (TARGET * deployment.concurrency)))
    return min(max(wanted, deployment.min_instances, 1), deployment.max_instances)


def latency(deployment: CloudDeployment, service: Service) -> float:
    """Mean seconds that a message is in an instance: half the interval of objects, and the write."""
    interval = 0.0 if deployment.results == "topic" else deployment.flush_interval_seconds
    return interval / 2 + service.write


def instance_seconds(deployment: CloudDeployment, load: Load, service: Service) -> float:
    """Billed seconds of instances in a month: all of them, or those with a request."""
    if deployment.billing is Billing.REQUEST:
        # The share of time in which an instance has at least one of the messages that arrive at random.
        count = instances_of(deployment, load, service)
        held = load.messages * latency(deployment, service) / count
        return count * (1.0 - math.exp(-held)) * MONTH_S
    return instances_of(deployment, load, service) * MONTH_S


def objects(deployment: CloudDeployment, load: Load, service: Service) -> float:
    """Class-A operations of a month: one an interval for each instance, or sooner for enough lines; or a subscription's files."""
    if deployment.results == "topic":
        return MONTH_S / _EXPORT_FILES_S * max(1.0, load.rate * _LINE_BYTES * _EXPORT_FILES_S / 10 / _GIB)
    count = instances_of(deployment, load, service)
    each = load.messages / count
    by_time = 1.0 / deployment.flush_interval_seconds
    by_lines = load.rate / count / deployment.flush_rows
    return count * min(each, max(by_time, by_lines)) * MONTH_S


def alternatives(
    deployment: CloudDeployment, *, pull_flush_seconds: float, pull_flush_rows: int
) -> list[CloudDeployment]:
    """The deployment itself first, then the other ways of delivery and results; pull has a pace of its own."""
    ways = [
        replace(
            deployment,
            billing=billing,
            results=results,
            flush_interval_seconds=pull_flush_seconds
            if billing is Billing.POOL
            else min(deployment.flush_interval_seconds, 0.5),
            flush_rows=pull_flush_rows
            if billing is Billing.POOL
            else min(deployment.flush_rows, PUSH_FLUSH_ROWS),
        )
        for billing in (Billing.INSTANCE, Billing.REQUEST, Billing.POOL)
        for results in ("bucket", "topic")
    ]
    return [deployment, *(each for each in ways if each.name != deployment.name)]
