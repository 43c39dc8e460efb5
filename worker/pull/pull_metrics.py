"""PullMetrics: what a worker that pulls holds, extends and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from rookery.worker.observability.histogram import Histogram, observe
from rookery.worker.observability.observer_failures import only_observes

if TYPE_CHECKING:
    from rookery.worker.observability.observer_failures import ObserverFailures

_IDS: Final = (1, 3, 10, 30, 100, 300, 1_000, 2_500)
_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class HeldStats(Protocol):
    """The deliveries that are held."""

    @property
    def count(self) -> int:
        """In messages."""

    @property
    def size(self) -> int:
        """In bytes."""


@only_observes
class PullMetrics:
    """Counted by request and never by message; a worker that is pushed to has none of them."""

    def __init__(self, registry: CollectorRegistry, failures: ObserverFailures) -> None:
        """Register every metric."""
        self.contained = failures.of("PullMetrics")
        self._messages = Gauge(
            "rookery_pull_outstanding_messages",
            "Pulled messages without an answer (ROOKERY_QUEUE_ROWS); the readings in work are rookery_queue_rows.",
            registry=registry,
        )
        self._bytes = Gauge(
            "rookery_pull_outstanding_bytes",
            "Their bytes (ROOKERY_QUEUE_BYTES).",
            registry=registry,
        )
        self._streams = Counter(
            "rookery_pull_stream_ends",
            "Streams that ended and were opened again; Pub/Sub ends each after some minutes.",
            registry=registry,
        )
        self._extensions = Counter(
            "rookery_pull_lease_extensions",
            "Leases extended because their work lasted longer (ROOKERY_ACK_DEADLINE_SECONDS).",
            registry=registry,
        )
        self._expired = Counter(
            "rookery_pull_leases_expired",
            "Leases that ended before their work: such messages are redelivered.",
            registry=registry,
        )
        self._acks = Counter(
            "rookery_pull_acks",
            "Acknowledgements by outcome: confirmed, or unconfirmed, after which the message may be redelivered.",
            ["outcome"],
            registry=registry,
        )
        self._confirmed = self._acks.labels("confirmed")
        self._unconfirmed = self._acks.labels("unconfirmed")
        self._nacks = Counter("rookery_pull_nacks", "Deliveries returned for redelivery.", registry=registry)
        self._ack_ids = Histogram(
            "rookery_pull_ack_messages",
            "Messages in one request of acknowledgements.",
            bounds=_IDS,
            registry=registry,
        )
        self._ack_seconds = Histogram(
            "rookery_pull_ack_seconds",
            "Time of one request of acknowledgements.",
            bounds=_SECONDS,
            registry=registry,
        )

    def holding(self, held: HeldStats) -> None:
        """Set the deliveries whose number a scrape reports."""
        self._messages.set_function(lambda: held.count)
        self._bytes.set_function(lambda: held.size)

    def stream_ended(self) -> None:
        """Count a stream that ended."""
        self._streams.inc()

    def leases_extended(self, count: int) -> None:
        """Count leases that were extended."""
        self._extensions.inc(count)

    def leases_expired(self, count: int) -> None:
        """Count leases that ended before their work."""
        self._expired.inc(count)

    def acknowledged(self, confirmed: int, unconfirmed: int, seconds: float) -> None:
        """Count one request of acknowledgements: messages by outcome, and its time."""
        self._confirmed.inc(confirmed)
        self._unconfirmed.inc(unconfirmed)
        observe([(self._ack_ids, confirmed + unconfirmed), (self._ack_seconds, seconds)])

    def nacked(self, returned: int, ended: int, seconds: float) -> None:  # noqa: ARG002  the form of `acknowledged`
        """Count one request of nacks; deliveries that had `ended` are redelivered too."""
        self._nacks.inc(returned + ended)
