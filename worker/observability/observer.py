"""Observers: what only watches the worker (metrics, drift, batch log, tracing); none of them has a say in an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.encoding.lines import EncodedLines
    from rookery.worker.errors import RetryError
    from rookery.worker.inference.bisection import BatchResult
    from rookery.worker.observability.observer_failures import ObserverFailures
    from rookery.worker.sinks.protocol import SinkUnavailableError


# Neither is frozen, as both are made for every batch.
@dataclass(slots=True)
class BatchPart:
    """Messages that were classified together; all of a batch, unless a defect made it fall apart.

    `rows` (n, 7) float32 with NaN for missing, what the model said of them, and each message's lines or why there are
    none. Nothing in it changes later, but that lines may get their features.
    """

    works: Sequence[DecodedMessage]
    rows: NDArray[np.float32]
    isolated: BatchResult
    lines: Sequence[EncodedLines | RetryError]


@dataclass(slots=True)
class BatchCompleted:
    """A batch whose tickets are all answered: the one event that observers get of it.

    `tickets` are all of it, the longest waiting first; `kept` those that were to become durable, with their lines.
    `predicted` and `rejected` are readings that became durable, `retried` messages that are nacked. `at` and `done_at`
    are wall-clock times, `began` and `ended` monotonic ones in seconds; `write_timeout_seconds` is 0 where nothing was kept.
    `nacked_for` is why a sink did not make some of it durable.
    """

    tickets: Sequence[Ticket[DecodedMessage]]
    parts: Sequence[BatchPart]
    kept: Sequence[tuple[Ticket[DecodedMessage], EncodedLines]]
    rows: int
    retried: int
    at: datetime
    began: float
    predict_seconds: float
    done_at: datetime
    ended: float
    predicted: int = 0
    rejected: int = 0
    write_timeout_seconds: float = 0.0
    nacked_for: SinkUnavailableError | None = None


class BatchObserver(Protocol):
    """Takes note of batches, on the event loop; what it raises is logged once and counted, and changes no answer."""

    def __call__(self, batch: BatchCompleted) -> None:
        """Take note of a batch."""


class Observers:
    """Tells every observer of each batch, whatever becomes of the one before it."""

    def __init__(self, observers: Sequence[BatchObserver], failures: ObserverFailures) -> None:
        """Store who is told, and where their defects end."""
        self._observers = [(each, failures.of(type(each).__name__)) for each in observers]

    def __call__(self, batch: BatchCompleted) -> None:
        """Tell of a batch; never raises."""
        for observer, contained in self._observers:
            with contained:
                observer(batch)
