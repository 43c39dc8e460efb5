"""BatchObserver: metrics, drift, health, logs and tracing get one event for each batch, and change no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

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
    from rookery.worker.sinks.protocol import SinkUnavailableError


# Neither is frozen, as both are made for every batch.
class BatchPart(Struct):
    """Messages that were classified together; all of a batch, unless a defect split it.

    `rows` (n, features) float32 with NaN for missing, the model's `result` for them, and each message's lines or why there are
    none. Only lines change later, where they get their features.
    """

    messages: Sequence[DecodedMessage]
    rows: NDArray[np.float32]
    result: BatchResult
    lines: Sequence[EncodedLines | RetryError]


class BatchCompleted(Struct):
    """The one event of a batch, when all of its tickets are answered.

    `tickets` are all of it, the longest waiting first; `kept` those with lines to make durable, with these lines.
    `predicted` and `rejected` are readings that became durable, `retried` messages that are nacked. `at` and `done_at`
    are wall-clock times, `began` and `ended` monotonic ones in seconds; `write_seconds` is 0 where nothing was kept.
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
    write_seconds: float = 0.0
    nacked_for: SinkUnavailableError | None = None


class BatchObserver(Protocol):
    """Is called with each batch on the event loop; what it raises is logged once and counted, and changes no answer."""

    def __call__(self, batch: BatchCompleted) -> None:
        """Record a batch."""
